"""The verdict on names: what ends in a listed one is sensitive, what merely contains one is not."""

from __future__ import annotations

import pytest

from integration_logger.errors import ConfigurationError
from integration_logger.redaction.names import Names

NAMES = Names()

SENSITIVE = """
    password Password PASSWORD userPassword user_password user-password user.password userpassword password2
    password_2 user[password] password_hash passwordHash password_old new_password password_new
    password_confirmation passwordConfirm passwd pwd mysql_pwd passphrase secret client_secret clientSecret
    app-secret consumer_secret secrets token access_token accessToken ACCESS_TOKEN refresh_token id_token
    csrfmiddlewaretoken authToken auth_token has_token api_key apiKey APIKey apikey x-api-key X_API_KEY
    private_key privateKey secretAccessKey aws_secret_access_key encryption_key signing-key ssh_key
    subscription_key accountKey authorization Authorization auth x-auth cookie session sessionid session_id
    sessionId PHPSESSID JSESSIONID csrf _csrf xsrf jwt bearer otp totp pin card_pin userPin userPIN PIN
    credential credentials card_number cardNumber cardnumber card[number] credit_card creditCard
    credit_card_number cc cc_number cvv cvv2 cvc ccv ssn social_security_number iban IBAN security_code
    verification_code recovery_codes one_time_code client_assertion
    senha novaSenha contrasena passwort kennwort mot_de_passe wachtwoord SMTP_PASS dbPass user-pass
    pass PASS pw login[pass] filter[password][eq] password_eq
""".split()  # noqa: SIM905

INNOCENT = [
    "bypass",
    "boarding_pass",
    "firstPass",
    "kw_pw",
    "author",
    "authors",
    "Author",
    "tokens",
    "token_count",
    "tokens_used",
    "max_tokens",
    "total_tokens",
    "tokenizer",
    "token_type",
    "token_endpoint",
    "secretary",
    "secretariat",
    "session_count",
    "sessions",
    "possession",
    "obsession",
    "pin_code_length",
    "pin_code",
    "pins",
    "shipping",
    "mapping",
    "spin",
    "state",
    "code",
    "status_code",
    "postal_code",
    "country_code",
    "zip_code",
    "key",
    "keys",
    "primary_key",
    "sort_key",
    "public_key",
    "publicKey",
    "foreign_key",
    "authorized",
    "authenticated",
    "authority",
    "authorization_url",
    "oauth",
    "cookies_accepted",
    "password_length",
    "passwordless",
    "password_policy",
    "password_changed_at",
    "card",
    "card_brand",
    "card_last4",
    "last4",
    "cc_emails",
    "account",
    "access",
    "refresh",
    "description",
    "nextPageToken",
    "next_page_token",
    "continuation_token",
    "next_token",
    "sync_token",
    "idempotency_key",
    "signature",
    "sig",
    "api__key_count",
    "apikeys_total",
    "username",
    "user",
    "name",
    "email",
    "discount",
    "ccount",
    "csc_count",
    "iban_country",
    "jwt_expires",
]

HEADERS = [
    "authorization",
    "proxy-authorization",
    "Authorization",
    "cookie",
    "set-cookie",
    "Set-Cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-goog-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-amz-security-token",
    "x-signature",
    "x-hub-signature",
    "x-hub-signature-256",
    "stripe-signature",
    "svix-signature",
    "webhook-signature",
    "x-shopify-hmac-sha256",
    "x-slack-signature",
    "x-twilio-signature",
    "x-twilio-email-event-webhook-signature",
    "paypal-transmission-sig",
    "x-discord-signature-ed25519",
    "linear-signature",
    "x-gitlab-token",
    "x-vault-token",
    "x-rapidapi-key",
    "ocp-apim-subscription-key",
    "x-functions-key",
    "dd-application-key",
    "x-goog-iap-jwt-assertion",
    "cf-access-jwt-assertion",
    "php-auth-pw",
    "x-session-token",
    "x-telegram-bot-api-secret-token",
]

HARMLESS_HEADERS = [
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "content-type",
    "content-length",
    "etag",
    "x-request-id",
    "x-correlation-id",
    "traceparent",
    "x-forwarded-for",
    "referer",
    "location",
    "origin",
    "date",
    "server",
    "vary",
    "idempotency-key",
    "sec-websocket-key",
    "sec-fetch-site",
    "x-github-event",
    "x-github-delivery",
    "x-shopify-topic",
    "x-ratelimit-remaining",
    "surrogate-key",
    "x-event-key",
    "cache-control",
    "www-authenticate",
    "x-amz-date",
    "x-author",
    "signature-input",
]

PARAMETERS = (
    "sig signature Signature X-Amz-Signature X-Amz-Credential X-Amz-Security-Token X-Goog-Signature key hmac Policy"
)


@pytest.mark.parametrize("name", SENSITIVE)
def test_sensitive(name: str) -> None:
    """However it is written."""
    assert NAMES.sensitive(name.encode())


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent(name: str) -> None:
    """A guard that destroys ordinary data is a failure too."""
    assert not NAMES.sensitive(name.encode())


@pytest.mark.parametrize("name", HEADERS)
def test_sensitive_headers(name: str) -> None:
    """Credentials, and the signatures of webhooks."""
    assert NAMES.sensitive_header(name.encode())


@pytest.mark.parametrize("name", HARMLESS_HEADERS)
def test_harmless_headers(name: str) -> None:
    """What tells requests apart is kept."""
    assert not NAMES.sensitive_header(name.encode())


@pytest.mark.parametrize("name", PARAMETERS.split())
def test_parameters(name: str) -> None:
    """Signed URLs are keys to what they point at; in a body the same names are ordinary words."""
    assert NAMES.sensitive_parameter(name.encode())


def test_names_are_added_however_they_are_written() -> None:
    """``names=`` takes any spelling for every spelling."""
    names = Names(names=["cpf", "tax file number"])
    for name in ("cpf", "user_cpf", "userCPF", "taxFileNumber", "TAX-FILE-NUMBER", "taxfilenumber", "cpf_hash"):
        assert names.sensitive(name.encode()), name
    assert not names.sensitive(b"cpf_count")


def test_kept_names_stay() -> None:
    """``keep=`` takes a name off the list, also where it is the end of a longer one."""
    names = Names(keep=["csrf_token", "sessionId"])
    assert not names.sensitive(b"csrf_token")
    assert not names.sensitive(b"x-csrf-token")
    assert not names.sensitive(b"PHP_SESSION_ID")
    assert names.sensitive(b"token")
    assert names.sensitive(b"access_token")


def test_verdicts_are_bounded() -> None:
    """Names come from callers: a million of them may not fill the memory."""
    names = Names()
    for number in range(10_000):
        names.sensitive(b"name-%d" % number)
    assert len(names.sensitive.__self__) <= 4096  # type: ignore[attr-defined]


def test_names_in_other_scripts_are_refused() -> None:
    """They would be looked for in vain, so the host is told, and told what to do instead."""
    with pytest.raises(ConfigurationError, match=r"json:\$\.\.contraseña"):
        Names(names=["contraseña"])
