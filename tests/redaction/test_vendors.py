"""Keys of vendors, known by how they begin; all of these are invented."""

from __future__ import annotations

import pytest

from integration_logger.redaction.edits import apply
from integration_logger.redaction.rules import Rules

RULES = Rules()
RANDOM = "Zx81kQ0pLm44vB2nT7Zx81kQ0pLm44vB2nT7"
HEX = "7d4c1f09e3b85a26c0d9417ef3b2a685"
KEYS = [
    "ASIAIOSFODNN7EXAMPLE", f"github_pat_{RANDOM}", f"glrt-{RANDOM}", f"xoxc-{RANDOM}", f"xapp-1-{RANDOM}",
    f"hooks.slack.com/services/{RANDOM}", f"rk_test_{RANDOM}", f"whsec_{RANDOM}", f"ya29.{RANDOM}", f"GOCSPX-{RANDOM}",
    f"sk-ant-api03-{RANDOM}", f"shppa_{HEX}", f"pypi-{RANDOM}{RANDOM}", f"dop_v1_{HEX}{HEX}", f"sq0atp-{RANDOM}",
    f"EAAG{RANDOM}{RANDOM}", f":AAH{RANDOM}", f"key-{HEX}", f"hf_{RANDOM}", f"/api/webhooks/123456789/{RANDOM}{RANDOM}",
    f"webhook.office.com/webhookb2/{RANDOM}@{RANDOM}/IncomingWebhook/{HEX}", f"glsa_{RANDOM}_1a2b3c4d", f"hvs.{RANDOM}",
    f"dapi{HEX}", f"ATATT3x{RANDOM}", f"lin_api_{RANDOM}", f"NRAK-{RANDOM.upper()}", f"gsk_{RANDOM}", f"figd_{RANDOM}",
    f"ntn_{RANDOM}", "pat-na1-0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d", f"APP_USR-1234567890-010203-{HEX}-1234",
    f"LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ{RANDOM}", f"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk{RANDOM}",
]  # fmt: skip
ORDINARY = [
    f"cache-key-{HEX}", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUR4VENDQXEyZ0F3SUJBZ0lRQXF4",
    "ATTENDANCE_LIST_OF_NOVEMBER_1",
    "/api/webhooks/17/deliveries", "config_of_the_northern_warehouse", "hvac.controller-of-the-north-wing", "pat-na",
    "gsk_annual_report_2026", "12:AAA batteries, a pack of forty-eight pieces",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_masked(key: str) -> None:
    """Nothing of it is left, in a sentence, in JSON and in the path of an address."""
    before = "1234" if key.startswith(":") else ""
    for text in (f"use {before}{key}, please", f'{{"note": "{before}{key}"}}', f"https://a.example/x{before}/{key}/y"):
        text = text.replace("/:", ":").replace("//api", "/api")
        kept = apply(text.encode(), RULES.within(text.encode())).decode()
        assert not any(key[at : at + 8] in kept for at in range(len(key) - 7)), kept
        assert len(kept) > 10


@pytest.mark.parametrize("text", ORDINARY)
def test_kept(text: str) -> None:
    """What merely begins like one stays."""
    assert RULES.within(f"see {text} there".encode()) == []
