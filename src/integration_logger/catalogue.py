"""The third parties that are recognised without being told: names, hosts, and where their errors are documented."""

from __future__ import annotations

from typing import Final

import msgspec


class Known(msgspec.Struct, frozen=True):
    """One third party as its own documentation has it."""

    name: str
    title: str
    hosts: tuple[str, ...]
    """As ``Integration`` takes them."""
    error_docs: str
    """Where it is documented how it words its errors."""
    token_docs: str
    """Where it is documented how it says that a token or key is no longer good; the same page where it has one only."""


_GOOGLE_TOKENS: Final = "https://developers.google.com/identity/protocols/oauth2#expiration"

CATALOGUE: Final = (
    Known(
        "clickatell",
        "Clickatell",
        ("platform.clickatell.com", "api.clickatell.com"),
        "https://www.clickatell.com/developers/api-documentation/one-api-error-messages/",
        "https://www.clickatell.com/developers/api-documentation/one-api-error-messages/",
    ),
    Known(
        "twilio",
        "Twilio",
        ("*.twilio.com",),
        "https://www.twilio.com/docs/usage/twilios-response",
        "https://www.twilio.com/docs/api/errors/20003",
    ),
    Known(
        "google-calendar",
        "Google Calendar",
        ("www.googleapis.com/calendar/*",),
        "https://developers.google.com/workspace/calendar/api/guides/errors",
        _GOOGLE_TOKENS,
    ),
    Known(
        "google-sheets",
        "Google Sheets",
        ("sheets.googleapis.com",),
        "https://developers.google.com/workspace/sheets/api/troubleshoot-api-errors",
        _GOOGLE_TOKENS,
    ),
    Known(
        "salesforce",
        "Salesforce",
        ("*.salesforce.com",),
        "https://developer.salesforce.com/docs/atlas.en-us.264.0.api_rest.meta/api_rest/errorcodes.htm",
        "https://developer.salesforce.com/docs/platform/api-metadata/guide/meta-error-handling-session-exp.html",
    ),
    Known(
        "zendesk",
        "Zendesk",
        ("*.zendesk.com",),
        "https://developer.zendesk.com/api-reference/introduction/requests",
        "https://support.zendesk.com/hc/en-us/articles/4408831387930",
    ),
    Known(
        "freshdesk",
        "Freshdesk",
        ("*.freshdesk.com",),
        "https://developers.freshdesk.com/api/",
        "https://developers.freshdesk.com/api/#authentication",
    ),
    Known(
        "stripe",
        "Stripe",
        ("api.stripe.com", "files.stripe.com", "connect.stripe.com"),
        "https://docs.stripe.com/api/errors",
        "https://docs.stripe.com/error-codes",
    ),
    Known(
        "github",
        "GitHub",
        ("api.github.com", "uploads.github.com"),
        "https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api",
        "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation",
    ),
    Known(
        "gitlab",
        "GitLab",
        ("gitlab.com/api/*",),
        "https://docs.gitlab.com/ee/api/rest/troubleshooting.html",
        "https://docs.gitlab.com/security/tokens/token_troubleshooting/",
    ),
    Known(
        "slack",
        "Slack",
        ("slack.com/api/*", "hooks.slack.com"),
        "https://api.slack.com/web#slack-web-api__evaluating-responses",
        "https://docs.slack.dev/reference/methods/auth.test",
    ),
    Known(
        "shopify",
        "Shopify",
        ("*.myshopify.com/admin/*",),
        "https://shopify.dev/docs/api/usage/response-codes",
        "https://shopify.dev/docs/api/usage/response-codes",
    ),
    Known(
        "hubspot",
        "HubSpot",
        ("api.hubapi.com", "api.hubspot.com"),
        "https://developers.hubspot.com/docs/api/error-handling",
        "https://developers.hubspot.com/docs/api/error-handling",
    ),
    Known(
        "sendgrid",
        "SendGrid",
        ("api.sendgrid.com", "api.eu.sendgrid.com"),
        "https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/errors",
        "https://support.sendgrid.com/hc/en-us/articles/18322114821403-4XX-API-Errors-and-Troubleshooting-Suggestions",
    ),
    Known(
        "mailgun",
        "Mailgun",
        ("api.mailgun.net", "api.eu.mailgun.net"),
        "https://documentation.mailgun.com/docs/mailgun/quickstart-guide/responses",
        "https://documentation.mailgun.com/docs/mailgun/quickstart-guide/responses",
    ),
    Known(
        "mailchimp",
        "Mailchimp",
        ("*.api.mailchimp.com",),
        "https://mailchimp.com/developer/marketing/docs/errors/",
        "https://mailchimp.com/developer/marketing/docs/errors/",
    ),
    Known(
        "openai",
        "OpenAI",
        ("api.openai.com",),
        "https://platform.openai.com/docs/guides/error-codes",
        "https://help.openai.com/en/articles/6891767-error-code-401-invalid-authentication",
    ),
    Known(
        "anthropic",
        "Anthropic",
        ("api.anthropic.com",),
        "https://docs.anthropic.com/en/api/errors",
        "https://docs.anthropic.com/en/api/errors",
    ),
    Known(
        "microsoft-graph",
        "Microsoft Graph",
        ("graph.microsoft.com",),
        "https://learn.microsoft.com/graph/errors",
        "https://learn.microsoft.com/en-us/graph/resolve-auth-errors",
    ),
    Known(
        "paypal",
        "PayPal",
        ("api-m.paypal.com", "api-m.sandbox.paypal.com"),
        "https://developer.paypal.com/api/rest/responses/",
        "https://developer.paypal.com/api/identity/v1/errors/invalid_token",
    ),
    Known(
        "adyen",
        "Adyen",
        ("*.adyen.com", "*.adyenpayments.com"),
        "https://docs.adyen.com/development-resources/error-codes",
        "https://docs.adyen.com/errors/unauthorized",
    ),
    Known(
        "square",
        "Square",
        ("connect.squareup.com", "connect.squareupsandbox.com"),
        "https://developer.squareup.com/docs/build-basics/handling-errors",
        "https://developer.squareup.com/reference/square/enums/ErrorCode",
    ),
    Known(
        "intercom",
        "Intercom",
        ("api.intercom.io", "api.eu.intercom.io", "api.au.intercom.io"),
        "https://developers.intercom.com/docs/references/2.7/rest-api/errors/error-codes",
        "https://developers.intercom.com/docs/references/2.7/rest-api/errors/error-codes",
    ),
    Known(
        "pipedrive",
        "Pipedrive",
        ("api.pipedrive.com", "*.pipedrive.com/api/*"),
        "https://pipedrive.readme.io/docs/core-api-concepts-http-status-codes",
        "https://pipedrive.readme.io/docs/marketplace-oauth-and-api-proxy-status-codes",
    ),
    Known(
        "notion",
        "Notion",
        ("api.notion.com",),
        "https://developers.notion.com/reference/status-codes",
        "https://developers.notion.com/reference/status-codes",
    ),
    Known(
        "airtable",
        "Airtable",
        ("api.airtable.com",),
        "https://airtable.com/developers/web/api/errors",
        "https://airtable.com/developers/web/api/oauth-reference",
    ),
    Known(
        "asana",
        "Asana",
        ("app.asana.com/api/*",),
        "https://developers.asana.com/docs/errors",
        "https://developers.asana.com/docs/errors",
    ),
    Known(
        "trello",
        "Trello",
        ("api.trello.com",),
        "https://developer.atlassian.com/cloud/trello/guides/rest-api/status-codes/",
        "https://developer.atlassian.com/cloud/trello/guides/rest-api/authorization/",
    ),
    Known(
        "atlassian",
        "Atlassian (Jira, Confluence)",
        ("api.atlassian.com", "*.atlassian.net"),
        "https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/#status-codes",
        "https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens/",
    ),
    Known(
        "discord",
        "Discord",
        ("discord.com/api/*", "discordapp.com/api/*"),
        "https://discord.com/developers/docs/topics/opcodes-and-status-codes",
        "https://discord.com/developers/docs/topics/opcodes-and-status-codes",
    ),
    Known(
        "telegram",
        "Telegram",
        ("api.telegram.org",),
        "https://core.telegram.org/bots/api#making-requests",
        "https://core.telegram.org/bots/features#generating-an-authentication-token",
    ),
    Known(
        "meta-graph",
        "Meta (Facebook, Instagram, WhatsApp)",
        ("graph.facebook.com", "graph.instagram.com"),
        "https://developers.facebook.com/docs/graph-api/guides/error-handling",
        "https://developers.facebook.com/docs/graph-api/guides/error-handling",
    ),
    Known(
        "linkedin",
        "LinkedIn",
        ("api.linkedin.com",),
        "https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/error-handling",
        "https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/error-handling",
    ),
    Known(
        "xero",
        "Xero",
        ("api.xero.com", "identity.xero.com"),
        "https://developer.xero.com/documentation/api/accounting/responsecodes",
        "https://developer.xero.com/documentation/guides/oauth2/troubleshooting/",
    ),
    Known(
        "quickbooks",
        "QuickBooks Online",
        ("quickbooks.api.intuit.com", "sandbox-quickbooks.api.intuit.com"),
        "https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/handling-common-errors",
        "https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/faq",
    ),
    Known(
        "docusign",
        "Docusign",
        ("*.docusign.net", "account.docusign.com", "account-d.docusign.com"),
        "https://developers.docusign.com/docs/esign-rest-api/esign101/error-codes/troubleshooting-common-errors/",
        "https://developers.docusign.com/docs/esign-rest-api/esign101/error-codes/troubleshooting-common-errors/",
    ),
    Known(
        "dropbox",
        "Dropbox",
        ("api.dropboxapi.com", "content.dropboxapi.com"),
        "https://www.dropbox.com/developers/documentation/http/documentation",
        "https://developers.dropbox.com/error-handling-guide",
    ),
    Known(
        "gmail",
        "Gmail",
        ("gmail.googleapis.com", "www.googleapis.com/gmail/*"),
        "https://developers.google.com/gmail/api/guides/handle-errors",
        _GOOGLE_TOKENS,
    ),
    Known(
        "google-drive",
        "Google Drive",
        ("www.googleapis.com/drive/*",),
        "https://developers.google.com/drive/api/guides/handle-errors",
        _GOOGLE_TOKENS,
    ),
    Known(
        "google-oauth",
        "Google sign-in",
        ("oauth2.googleapis.com",),
        "https://developers.google.com/identity/protocols/oauth2/web-server#exchange-errors-invalid-grant",
        _GOOGLE_TOKENS,
    ),
    Known(
        "zoom",
        "Zoom",
        ("api.zoom.us",),
        "https://developers.zoom.us/docs/api/errors/",
        "https://developers.zoom.us/docs/integrations/oauth-error-messages/",
    ),
    Known(
        "vonage",
        "Vonage",
        ("api.nexmo.com", "rest.nexmo.com"),
        "https://developer.vonage.com/en/api-errors",
        "https://developer.vonage.com/en/api-errors",
    ),
    Known(
        "klaviyo",
        "Klaviyo",
        ("a.klaviyo.com",),
        "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling",
        "https://developers.klaviyo.com/en/docs/troubleshoot_oauth_errors",
    ),
)
