"""What software really writes, and what an attacker may: each of these has leaked once, here or elsewhere."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from integration_logger import codec
from integration_logger.entry import Message
from integration_logger.redaction import Redactor
from tests.factories import make_entry
from tests.redaction.canaries import FRAGMENT

SECRET = "Kan4rie-vogel-4711"
REDACTOR = Redactor()
FORM, PARTS, TEXT, XML, YAML = (
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=XyZ", "text/plain", "application/xml",
    "application/yaml",
)  # fmt: skip


def body(text: str | bytes, content_type: str = "application/json") -> dict[str, Any]:
    data = text.encode() if isinstance(text, str) else text
    return {"request": Message(body=data, content_type=content_type, size=len(data))}


def header(name: str, value: str) -> dict[str, Any]:
    return {"response": Message(raw_headers=[(name.encode(), value.encode())])}


def error(text: str) -> dict[str, Any]:
    return {"errors": (text,)}


def part(headers: str, after: str = "") -> dict[str, Any]:
    return body(f"--XyZ\r\n{headers}\r\n\r\n{SECRET}\r\n--XyZ--\r\n{after}", PARTS)


def coded(text: str) -> str:
    return b64encode(text.encode()).decode()


RESET = {"url": f"https://a.example/reset/{SECRET}", "route": "/reset/{token}"}
DISPOSITION = "Content-Disposition: form-data;"
LEAKS: dict[str, dict[str, Any]] = {
    "text after the last part": body(
        f'--XyZ\r\n{DISPOSITION} name="a"\r\n\r\n1\r\n--XyZ--\r\npassword={SECRET}\r\n', PARTS
    ),
    "encoded name of a part": part(f"{DISPOSITION} name*=UTF-8''pass%77ord"),
    "two names of a part": part(f'{DISPOSITION} name="a"; name="password"'),
    "two dispositions of a part": part(f'{DISPOSITION} name="a"\r\n{DISPOSITION} name="password"'),
    "tag within CDATA": body(f"<a><password><![CDATA[x</password>{SECRET}]]></password></a>", XML),
    "CDATA that is cut off": body(f"<a><password><![CDATA[x</password>{SECRET}", XML),
    "tag within a comment": body(f"<a><password><!-- </password> -->{SECRET}</password></a>", XML),
    "entity": body(f'<!DOCTYPE a [<!ENTITY password "{SECRET}">]><a>&password;</a>', XML),
    "password with a slash": error(f"cannot connect to postgres://app:pa/{SECRET}@db.example/x"),
    "password with a hash": error(f"cannot connect to postgres://app:p#{SECRET}@db.example/x"),
    "block of YAML": body(f"user: ana\npassword: |\n  first line\n  {SECRET}\nx: 1\n", YAML),
    "folded block of YAML": body(f"user: ana\npassword: >-\n  first line\n\n  {SECRET}\nx: 1\n", YAML),
    "list of YAML": body(f"passwords:\n- first one\n- {SECRET}\nx: 1\n", YAML),
    "text of several lines in YAML": body(f"a:\n  password: first line\n    {SECRET}\n", YAML),
    "continued header in a dump": body(f"Host: x\r\nAuthorization: Bearer\r\n {SECRET}\r\n\r\n", TEXT),
    "cookie in a dump of curl": body(f"> GET / HTTP/1.1\n> Cookie: theme=dark; sid={SECRET}\n>\n", TEXT),
    "three quotation marks": body(f'password = """\n{SECRET}\n"""\nx = 1\n', TEXT),
    "three apostrophes": error(f"login(password='''{SECRET}''')"),
    "option of a command": error(
        f"Command '['mysql', '--password', '{SECRET}', 'db']' returned non-zero exit status 1."
    ),
    "wide text that is not told": body(f"\u4e2d\u6587 password={SECRET}".encode("utf-16-le"), TEXT),
    "wide text that is told wrong": body(
        f"\u4e2d\u6587\u4e2d password={SECRET}".encode("utf-16-be"), f"{TEXT}; charset=utf-8"
    ),
    "column of CSV": body(f"id,password,name\n1,x,ana\n2,{SECRET},bo\n", "text/csv"),
    "column of CSV with semicolons": body(f'"id";"API key"\r\n"1";"a;""{SECRET}"\r\n', "text/csv; charset=utf-8"),
    "last column of CSV": body(f"id,password\n1,{SECRET}", "text/csv"),
    "column between tabs": body(f"id\tpassword\n1\t{SECRET}\n", "text/tab-separated-values"),
    "exchange of a code as JSON": body(json.dumps({"grant_type": "authorization_code", "code": SECRET})),
    "exchange of a device code": body(json.dumps({"device_code": SECRET, "grant_type": "urn:x:device_code"})),
    "default of a variable of GraphQL": body(
        json.dumps({"query": f'mutation($password: String = "{SECRET}") {{ login(password: $password) }}'})
    ),
    "default in a schema": body(json.dumps({"properties": {"password": {"type": "string", "default": SECRET}}})),
    "no schema": body(json.dumps({"properties": {"password": {"type": "string", "value": SECRET}}})),
    "type that is none": body(json.dumps({"properties": {"password": {"type": SECRET}}})),
    "looks like a placeholder": body(f"password=${SECRET}&a=b", TEXT),
    "cookies in one header": header("Set-Cookie", f"a=b; Path=/, sid={SECRET}; Path=/"),
    "callback without a state": {"url": f"https://a.example/auth/google/callback?code={SECRET}&scope=email"},
    "callback in a Referer": header("Referer", f"https://a.example/oauth2/callback?code={SECRET}"),
    "callback in an error": error(f"GET https://a.example/login/callback?code={SECRET} failed"),
    "exchange of a code in an error": error(f"cannot read b'grant_type=authorization_code&code={SECRET}'"),
    "answer that is sent as a form": body(f"code={SECRET}&state=abc&id_token=x", FORM),
    "secret of a path in a Referer": RESET | header("Referer", f"https://a.example/reset/{SECRET}"),
    "secret of a path in a Location": RESET | header("Location", f"/reset/{SECRET}/"),
    "secret of a path in an error": RESET | error(f"nobody for https://a.example/reset/{SECRET}, {SECRET!r}"),
    "secret of a path in a traceback": RESET | {"traceback": f"KeyError: {SECRET!r}"},
    "token beside no likelihood": body(json.dumps({"token": SECRET, "logprobs": None, "start": 1})),
    "token in an object around likelihoods": body(json.dumps({"token": SECRET, "items": [{"logprob": -1}]})),
    "token whose value looks like a likelihood": body(json.dumps({"token": f'{SECRET}", "logprob": -1', "a": 1})),
    "long token beside a likelihood": body(json.dumps({"token": SECRET * 9, "logprob": -1})),
    "complaint that quotes": body(json.dumps({"password": [f"The password {SECRET} is too short."]})),
    "complaint among secrets": body(json.dumps({"passwords": ["The password is too short.", SECRET]})),
    "words that are a secret": body(json.dumps({"backup_codes": [f"it must be {SECRET} at least"]})),
    "pass": body(json.dumps({"user": "ana", "pass": SECRET})),
    "pw in a form": body(f"user=ana&pw={SECRET}", FORM),
    "pass in brackets": body(f"login[user]=ana&login[pass]={SECRET}", FORM),
    "pass in a log": error(f"login failed: user=ana pass={SECRET}"),
    "pass in a repr": error(f"login({{'user': 'ana', 'pass': '{SECRET}'}})"),
    "pass in YAML": body(f"user: ana\npass: {SECRET}\n", YAML),
    "pass as an element": body(f"<a><pass>{SECRET}</pass></a>", XML),
    "pass as a number": body("user=ana&pass=471100".replace("471100", SECRET), FORM),
    "filter": {"url": f"https://a.example/users?filter[password][eq]={SECRET}"},
    "filter, encoded": {"url": f"https://a.example/users?filter%5Bpassword%5D%5Beq%5D={SECRET}"},
    "filter in a text": error(f"GET /users?filter%5Bpassword%5D%5Beq%5D={SECRET}&a=b"),
    "filter as a key": body(json.dumps({"password_eq": SECRET})),
    "row that is inserted": error(f"INSERT INTO users (name, password) VALUES ('ana', '{SECRET}')"),
    "rows that are inserted": body(
        f"insert into \"users\"(\"password\", id)\nvalues ('a', 1), ('it''s {SECRET}', nextval('x'))", TEXT
    ),
    "row that is inserted and cut off": error(f"INSERT INTO users (name, api_key) VALUES ('ana', '{SECRET}"),
    "row in a string": body(json.dumps({"sql": f"INSERT INTO users (name, pw) VALUES ('ana', '{SECRET}')"})),
    "row in a form": body(f"q=INSERT+INTO+users+(id,+password)+VALUES+(1,+'{SECRET}')", FORM),
    "parameters of an INSERT": error(
        "(sqlite3.IntegrityError) NOT NULL constraint failed: users.name\n[SQL: INSERT INTO users (name, password) "
        f"VALUES (?, ?)]\n[parameters: (None, '{SECRET}')]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)"
    ),
    "parameters of many INSERTs": error(
        f"[SQL: INSERT INTO u (n, password) VALUES (%s, %s)]\n[parameters: [('a', 'b'), ('c', '{SECRET}')]]"
    ),
    "parameters of an UPDATE": error(
        f"[SQL: UPDATE users SET name=?, password=? WHERE users.id = ?]\n[parameters: ('ana', '{SECRET}', 1)]"
    ),
    "parameters of a query": error(
        f"[SQL: SELECT users.id FROM users WHERE users.token = $1::VARCHAR]\n[parameters: ('{SECRET}',)]"
    ),
    "quote within a password": body(f"user=ana password=x'{SECRET} a=b", TEXT),
    "map of XStream": body(f"<map><entry>\n<string>password</string>\n<string>{SECRET}</string></entry></map>", XML),
    "document in base64": body(json.dumps({"message": {"data": coded(f'{{"user":"ana","password":"{SECRET}"}}')}})),
    "document in base64, in a form": body(f"state={coded(json.dumps({'pin': SECRET}))}&a=b", FORM),
    "document in base64 in base64": error(coded('{"a":"' + coded(f'{{"token":"{SECRET}"}}') + '"}')),
    "document in base64 that is cut off": error(coded(f'{{"token":"{SECRET}","a":17}}')[:57]),
    "blanks in a connection string": error("cannot use Server=db;Uid=ana;Password=first Kan4rie-vogel-4711;Timeout=3"),
    "blanks at its beginning": error("cannot use 'Password=first Kan4rie-vogel-4711;Server=db;Encrypt=yes'"),
    "blanks at its end": error("cannot use 'Server=db;Pwd=first Kan4rie-vogel-4711'"),
    "header that is called otherwise": header("X-Authentication", SECRET),
}


@pytest.mark.parametrize("fields", LEAKS.values(), ids=[*LEAKS])
def test_gone(fields: dict[str, Any]) -> None:
    """Not eight signs of the secret are left, in whatever charset, and it is told that something was masked."""
    entry = REDACTOR.redact(make_entry(**{"request": None, "response": None, **fields}, redacted=()), 64 * 1024)
    text = codec.to_json(codec.to_dict(entry)).decode().replace("\\u0000", "")
    assert [SECRET[at : at + FRAGMENT] for at in range(len(SECRET) - 7) if SECRET[at : at + FRAGMENT] in text] == []
    assert entry.redacted


KEPT: dict[str, dict[str, Any]] = {
    "port and an at sign in a path": error("see http://a.example:8080/users/ana@example.com and http://[::1]:80/x@y"),
    "code in an ordinary address": {"url": "https://a.example/coupons?code=SUMMER&page=2"},
    "address form": body("state=SP&code=01310&city=S%C3%A3o+Paulo", FORM),
    "date with a comma in a cookie": header("Content-Language", "a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/"),
    "path of a JSON patch": body(json.dumps([{"op": "replace", "path": "/settings/theme", "value": "dark"}])),
    "input that is no secret": body(
        json.dumps({"detail": [{"type": "int_parsing", "loc": ["body", "age"], "msg": "a whole number", "input": "x"}]})
    ),
    "pydantic, no secret": error(
        "ValidationError: 1 validation error for Login\nage\n  Number [type=int, input_value='twelve', input_type=str]"
    ),
    "described routes": body(
        json.dumps({"paths": {"/auth/token": {"post": {"summary": "Sign in"}}, "/auth": {"get": {}}}})
    ),
    "variables of GraphQL": body(
        json.dumps({"query": "mutation L($password: String!) { login(password: $password) { token } }"})
    ),
    "variables of GraphQL, compact": body(json.dumps({"query": "mutation($pin:Int!){login(pin:$pin){token}}"})),
    "GraphQL alone": body(
        "mutation L($password: String!) {\n  login(password: $password) { token }\n}", "application/graphql"
    ),
    "parameters of SQL": error("[SQL: UPDATE users SET password=%(password)s, token = ? WHERE id = %(id)s]"),
    "variable of a shell": body("curl -d token=${GITHUB_TOKEN} https://a.example", TEXT),
    "schema": body(json.dumps({"type": "object", "properties": {"password": {"type": "string", "minLength": 8}}})),
    "schemas of FastAPI": body(
        json.dumps(
            {
                "components": {
                    "schemas": {"Token": {"properties": {"access_token": {"type": "string"}}, "type": "object"}},
                    "securitySchemes": {
                        "OAuth2PasswordBearer": {
                            "type": "oauth2",
                            "flows": {"password": {"scopes": {}, "tokenUrl": "t"}},
                        }
                    },
                }
            }
        )
    ),
    "words after basic": body(json.dumps({"text": "from basic plan-2024 to Basic membership2, basic training101"})),
    "what an installation may": body(json.dumps({"permissions": {"secrets": "read", "metadata": "write"}})),
    "address of a repository": body(json.dumps({"ssh_url": "ssh://git@github.com/octocat/hello.git"})),
    "parts of a page": body(
        '<table id="session"><tr><td>10:30</td></tr></table><h4 id="password">Password</h4>', "text/html"
    ),
    "sign of no width": body("a\0b, author=ana, at 10:30\n", TEXT),
    "file among parts": body(f'--XyZ\r\n{DISPOSITION} name="n"\r\n\r\n7\r\n--XyZ--\r\n', PARTS),
    "ordinary CSV": body("id,author,token_count\n1,Ana,3\n", "text/csv"),
    "pieces of text with their likelihood": body(
        json.dumps(
            {
                "content": [
                    {
                        "token": "Hello",
                        "logprob": -0.1,
                        "bytes": [72],
                        "top_logprobs": [{"token": "Hi", "bytes": [72, 105], "logprob": -2}],
                    },
                    {"token": "\n", "logprob": 0},
                ]
            }
        )
    ),
    "pieces of text in a stream": body(
        'data: {"choices": [{"logprobs": {"content": [{"token": " world", "logprob": -0.25, "bytes": null}]}}]}\n\n',
        "text/event-stream",
    ),
    "pieces of text of other models": body(
        json.dumps(
            [{"token": "So", "tokenId": 17, "logProbability": -1}, {"logprob": -1, "rank": 1, "decoded_token": "x"}]
        )
    ),
    "pieces of text of a search engine": body(
        json.dumps({"tokens": [{"token": "quick", "start_offset": 2, "end_offset": 7, "type": "<ALPHANUM>"}]})
    ),
    "complaints of Laravel": body(
        json.dumps(
            {"errors": {"password": ["The password is required.", "The password must be at least 8 characters."]}}
        )
    ),
    "complaints of Django": body(
        json.dumps(
            {
                "password": ["This field is required."],
                "new_password": [
                    "This password is too short. It must contain at least 8 characters.",
                    "This password is too common.",
                ],
            }
        )
    ),
    "complaints of Rails": body(json.dumps({"errors": {"api_key": ["can't be blank", "is too short (minimum is 8)"]}})),
    "complaints of a serializer that are printed": error("ValidationError: {'pin': ['This field may not be blank.']}"),
    "what passes": body(json.dumps({"pass": 12, "fail": 3, "cvc_check": "pass", "checks": {"pass": True}})),
    "what passes, in words": body(json.dumps([{"pass": "yes", "bypass": "x", "compass": "north", "first_pass": "x"}])),
    "tests that pass": body("PASS: test_login-1 (0.2s)\n--- PASS: TestFoo-2 (0.00s)\npass: 12\nfirst pass: ok\n", TEXT),
    "row without a secret": error("INSERT INTO users (name, author) VALUES ('ana', 'bo'), ('it''s', 'x')"),
    "parameters without a secret": error(
        "[SQL: UPDATE users SET name=?, password=? WHERE id=?]\n[parameters: ('ana', None, 17)]"
    ),
    "row that has places only": error("INSERT INTO users (name, password) VALUES (?, :password), ($1, $2)"),
    "cursor in base64": body(json.dumps({"next": coded('{"id":17,"author":"ana","sort":"name"}')})),
    "words after a parameter": error("tried token=null; then a=b, and others; done"),
    "key of a cache": error("miss: cache-key-7d4c1f09e3b85a26c0d9417ef3b2a685"),
}


@pytest.mark.parametrize("fields", KEPT.values(), ids=[*KEPT])
def test_kept(fields: dict[str, Any]) -> None:
    """What is no secret stays as it is."""
    entry = make_entry(**{"request": None, "response": None, **fields}, redacted=())
    before = codec.encode(entry)
    assert codec.encode(REDACTOR.redact(entry, 64 * 1024)) == before
