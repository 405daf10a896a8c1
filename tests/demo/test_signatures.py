from __future__ import annotations

from integration_logger.demo import signatures


def test_github_signs_as_in_its_documentation() -> None:
    """The signature of GitHub is the one that its documentation works out as an example."""
    signature = signatures.github(b"It's a Secret to Everybody", b"Hello, World!")
    assert signature == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_twilio_signs_as_in_its_documentation() -> None:
    """The signature of Twilio is the one that its documentation works out as an example."""
    form = {
        "To": "+18005551212",
        "From": "+14158675309",
        "Digits": "1234",
        "Caller": "+14158675309",
        "CallSid": "CA1234567890ABCDE",
    }
    signature = signatures.twilio(b"12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form)
    assert signature == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_stripe_signs_the_time_with_the_body() -> None:
    """The same body at another time has another signature of Stripe."""
    first, second = (signatures.stripe(b"key", b"{}", timestamp) for timestamp in (1, 2))
    assert first.startswith("t=1,v1=")
    assert first.partition(",")[2] != second.partition(",")[2]
