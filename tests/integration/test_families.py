"""Every family of Twilio's callbacks: one captured or documented example of each, and its results:
events, state, figures, ledger, alerts.

FAMILIES is the table. Its texts may have <names>, which get new values for each posting: <sid>, <other>
(SIDs), <no> and <id> (of the request), <person> (a telephone number), <digits> (of that number),
<campaign> and <meta> (of the URL), <url> (a callback URL with the campaign's tags).
"""

import copy
import itertools
import json
import xml.etree.ElementTree as ElementTree
from urllib.parse import quote, urlencode

import pytest

import harness
from harness import (ACCOUNT, PUBLIC_URL, new_sid, sign, signed_get, signed_json, signed_post)

KINDS = ["auto", "status", "inbound", "click", "events", "debugger"]
SENDER = "+15017122661"
SERVICE = "MG0123456789abcdef0123456789abcdef"
INSTALL = "XE0123456789abcdef0123456789abcdef"
TIME = "2024-05-17T10:20:30.000Z"
LATER = "2024-05-17T10:20:31.123Z"
EMOJI = ("\U0001f389 grün 中 " * 200)[:1600]
MEDIA = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/<sid>/Media/ME"


# --- the shapes ---

STATUS = {"SmsSid": "<sid>", "SmsStatus": "sent", "MessageStatus": "sent", "To": "<person>",
          "MessageSid": "<sid>", "AccountSid": ACCOUNT, "From": SENDER, "ApiVersion": "2010-04-01"}
INBOUND = {"ToCountry": "US", "ToState": "", "SmsMessageSid": "<sid>", "NumMedia": "0",
           "ToCity": "", "FromZip": "", "SmsSid": "<sid>", "FromState": "", "SmsStatus": "received",
           "FromCity": "", "Body": "hello", "FromCountry": "US", "To": SENDER, "ToZip": "",
           "NumSegments": "1", "MessageSid": "<sid>", "AccountSid": ACCOUNT, "From": "<person>",
           "ApiVersion": "2010-04-01"}
GEO = {name: INBOUND[name] for name in (
    "ToCountry", "ToState", "NumMedia", "ToCity", "FromZip", "FromState", "FromCity",
    "FromCountry", "ToZip", "NumSegments")}
CLICK = {"event_type": "click", "sms_sid": "<sid>", "to": "<person>", "from": SENDER,
         "link": "https://example.com/offer?a=1", "click_time": TIME,
         "messaging_service_sid": SERVICE, "account_sid": ACCOUNT, "user_agent": "Mozilla/5.0"}
SOURCE = "/2010-04-01/Accounts/AC1/Messages/<sid>.json"
SCHEMA = "https://events-schemas.twilio.com/Messaging.MessageStatus/5"


def without(params, *names):
    return {name: value for name, value in params.items() if name not in names}


def status(word, **more):
    return {**STATUS, "SmsStatus": word, "MessageStatus": word, **more}


def whatsapp(word, **more):
    return status(word, **{"From": f"whatsapp:{SENDER}", "To": "whatsapp:<person>",
                           "ChannelPrefix": "whatsapp", "ChannelInstallSid": INSTALL,
                           "ChannelToAddress": "+1555001XXXX", **more})


def cloud(kind, data, **more):
    return {"specversion": "1.0", "type": f"com.twilio.{kind}", "source": SOURCE, "id": "<id>",
            "dataschema": SCHEMA, "datacontenttype": "application/json", "time": TIME,
            "data": data, **more}


def message_cloud(word, **more):
    kind = f"messaging.message.{word}"
    return cloud(kind, {
        "messageSid": "<sid>", "timestamp": TIME, "accountSid": ACCOUNT,
        "eventName": f"com.twilio.{kind}", "apiVersion": "2010-04-01", "from": SENDER,
        "to": "<person>", "messageStatus": word.upper(), "messagingServiceSid": SERVICE,
        "numberOfSegments": "1", "errorCode": None, **more})


def inbound_cloud(**more):
    kind = "messaging.inbound-message.received"
    return cloud(kind, {
        "messageSid": "<sid>", "timestamp": TIME, "accountSid": ACCOUNT,
        "eventName": f"com.twilio.{kind}", "apiVersion": "2010-04-01", "from": "<person>",
        "to": SENDER, "body": "hello", "numMedia": 0, "numSegments": 1, **more})


def payload(url):
    return {"resource_sid": "<sid>", "service_sid": None, "error_code": "11200",
            "more_info": {"Msg": "Got HTTP 503 response", "ErrorCode": "11200"},
            "webhook": {"type": "application/json",
                        "request": {"method": "POST", "url": url, "headers": {"Host": "x"},
                                    "parameters": {"MessageSid": "<sid>", "Body": "grün"}},
                        "response": {"status_code": 503, "headers": {"Retry-After": "1"},
                                     "body": ""}}}


def alert_form(url, level="ERROR"):
    return {"Sid": "<no>", "AccountSid": ACCOUNT, "ParentAccountSid": "", "Timestamp": TIME,
            "Level": level, "PayloadType": "application/json",
            "Payload": json.dumps(payload(url), ensure_ascii=False)}


def rest_of_alert(url):
    return {"ParentAccountSid": "", "PayloadType": "application/json",
            "Payload": alert_form(url)["Payload"]}


LOGGED = {"account_sid": ACCOUNT, "level": "ERROR", "error_code": "11200", "timestamp": TIME,
          "product_name": "Programmable Messaging",
          "payload": json.dumps(payload("<url>"), ensure_ascii=False)}


# --- what must follow ---

EVENT = {"type": None, "status": None, "error_code": None, "from": None, "to": None,
         "service": None, "body": None, "keyword": None, "message": "<sid>", "workspace": "W",
         "campaign": "<campaign>", "variant": "v1", "account": ACCOUNT, "done_date": None,
         "link": None, "occurred": None, "near_miss": None, "parameters": None,
         "raw_query": None, "raw_body": None}


def out(kind, word, **more):
    """An event of a message to the person."""
    return {**EVENT, "type": kind, "status": word, "from": SENDER, "to": "<person>", **more}


def reply(**more):
    """An event of a message from the person."""
    return {**EVENT, "type": "Replied", "status": "received", "from": "<person>", "to": SENDER,
            "body": "hello", "parameters": GEO, **more}


def plain(kind, word, **more):
    """An event without a person."""
    return {**EVENT, "type": kind, "status": word, "message": None, **more}


def of_cloud(data, **more):
    """The parameters that are left of a CloudEvent."""
    return {"source": SOURCE, "dataschema": SCHEMA, "data": data, **more}


def of_message_cloud(word, **more):
    return of_cloud({"eventName": f"com.twilio.messaging.message.{word}", "numberOfSegments": "1",
                     **more})


RECEIVED = {"eventName": "com.twilio.messaging.inbound-message.received", "numMedia": 0,
            "numSegments": 1}
WHATSAPP = {"ChannelPrefix": "whatsapp", "ChannelInstallSid": INSTALL,
            "ChannelToAddress": "+1555001XXXX"}
SENT = {"messages": 1, "sent": 1, "pending": 1}
DELIVERED = {"messages": 1, "sent": 1, "delivered": 1}
UNDELIVERED = {"messages": 1, "sent": 1, "failed": 1}
FAILED = {"messages": 1, "failed": 1}
READ = {"messages": 1, "sent": 1, "delivered": 1, "read": 1}
REPLIED = {"replied": 1}
STOPPED = {"replied": 1, "opted_out": 1}
CLICKED = {"messages": 1, "clicked": 1, "clicked_messages": 1}
ALERT = {"level": "error", "ours": 1, "resource": "<sid>", "request_url": "<url>",
         "method": "POST", "response_status": 503, "text": "Got HTTP 503 response",
         "error_code": 11200, "sid": "<no>"}
AT_FALLBACK = {**dict.fromkeys(ALERT), "level": "warning", "ours": 1, "resource": "<sid>", "request_url": "<url>",
               "text": f"Twilio called the fallback URL <path>, since its request to {PUBLIC_URL}/auto failed with "
                       "error 11200: see why dlrd did not answer (`dlrd alerts`, log, proxy); the fallback works"}


class Family:
    """kind: the kind of its route. how: "form", "get" or "json". what: the contents; a list is an array for
    JSON, and several requests for a form. state: of the message, with or without a code, or None. ledger:
    (number, scope, state, cause) in the order of arrival."""

    def __init__(self, name, kind, how, what, events, state=None, figures=None, ledger=(),
                 alerts=(), target="tagged", mark=()):
        self.name, self.kind, self.how, self.what = name, kind, how, what
        self.events = events if isinstance(events, list) else [events]
        self.state = state if isinstance(state, tuple) else (state, None)
        self.figures, self.ledger, self.alerts = figures or {}, list(ledger), list(alerts)
        self.target, self.mark = target, mark


# as docs/events/event-types/messaging/compliance-toolkit has it
REASSIGNED = without(cloud("messaging.reassigned-number.detected", {
    "event_id": "1c70", "timestamp": TIME, "account_sid": ACCOUNT, "from_number": SENDER,
    "to_number": "<person>", "is_reassigned": True, "last_verified_date": "2024-05-01",
    "consent_operation": "opt-out-created", "consent_updated_at": LATER},
    datacontenttype=TIME), "time")


def of_reassigned(more):
    return of_cloud({"event_id": "1c70", "is_reassigned": True,
                     "last_verified_date": "2024-05-01", "consent_updated_at": LATER, **more},
                    datacontenttype=TIME)


FAMILIES = [
    # status callbacks
    Family("sms sent", "status", "form", status("sent"), out("Sent", "sent"), "sent", SENT),
    Family("sms queued in a service", "status", "form",
           status("queued", MessagingServiceSid=SERVICE),
           out("Progress", "queued", service=SERVICE), "queued", {"messages": 1}),
    Family("sms delivered", "status", "form", {"RawDlrDoneDate": "2405171020", **status(
        "delivered")}, out("Delivered", "delivered", done_date="2405171020"), "delivered",
           DELIVERED),
    Family("sms undelivered with a code", "status", "form",
           status("undelivered", ErrorCode="30005", ErrorMessage="Unknown handset",
                  RawDlrDoneDate="24051x"),
           out("Failed", "undelivered", error_code=30005, done_date="24051x",
               parameters={"ErrorMessage": "Unknown handset"}),
           ("undelivered", 30005), UNDELIVERED),
    Family("sms failed since the person opted out", "status", "form",
           status("failed", ErrorCode="21610", MessagingServiceSid=SERVICE),
           out("Failed", "failed", error_code=21610, service=SERVICE), ("failed", 21610), FAILED,
           [("<person>", SERVICE, "out", "error-21610")]),
    Family("mms delivered", "status", "form",
           {name: value.replace("<sid>", "<mms>") for name, value in status("delivered").items()},
           out("Delivered", "delivered", message="<mms>"), "delivered", DELIVERED),
    Family("whatsapp sent", "status", "form",
           whatsapp("sent", StructuredMessage="false", Body="Your code is 1"),
           out("Sent", "sent", **{"from": f"whatsapp:{SENDER}", "to": "whatsapp:<person>"},
               body="Your code is 1", parameters={**WHATSAPP, "StructuredMessage": "false"}),
           "sent", SENT),
    Family("whatsapp delivered with its event type", "status", "form",
           whatsapp("delivered", EventType="DELIVERED"),
           out("Delivered", "delivered",
               **{"from": f"whatsapp:{SENDER}", "to": "whatsapp:<person>"}, parameters=WHATSAPP),
           "delivered", DELIVERED),
    Family("whatsapp read", "status", "form",
           without(whatsapp("read", EventType="READ"), "ChannelInstallSid"),
           out("Read", "read", **{"from": f"whatsapp:{SENDER}", "to": "whatsapp:<person>"},
               parameters=without(WHATSAPP, "ChannelInstallSid")), "read", READ),
    Family("whatsapp read by the event type alone", "status", "form",
           without(whatsapp("", EventType="READ"), "MessageStatus", "SmsStatus"),
           out("Read", "read", **{"from": f"whatsapp:{SENDER}", "to": "whatsapp:<person>"},
               parameters=WHATSAPP), "read", READ),
    Family("whatsapp read with the status before", "status", "form",
           whatsapp("delivered", EventType="READ"),
           out("Read", "read", **{"from": f"whatsapp:{SENDER}", "to": "whatsapp:<person>"},
               parameters={**WHATSAPP, "MessageStatus": "delivered", "SmsStatus": "delivered"}),
           "read", READ),
    Family("whatsapp undelivered outside the window", "status", "form",
           whatsapp("undelivered", EventType="UNDELIVERED", ErrorCode="63016",
                    ChannelStatusMessage="outside the allowed window"),
           out("Failed", "undelivered", error_code=63016,
               **{"from": f"whatsapp:{SENDER}", "to": "whatsapp:<person>"},
               parameters={**WHATSAPP, "ChannelStatusMessage": "outside the allowed window"}),
           ("undelivered", 63016), UNDELIVERED),
    Family("rcs delivered", "status", "form",
           status("delivered", From="rcs:brand_agent", To="rcs:<person>", EventType="DELIVERED",
                  ChannelPrefix="rcs", ChannelInstallSid=INSTALL),
           out("Delivered", "delivered", **{"from": "rcs:brand_agent", "to": "rcs:<person>"},
               parameters={"ChannelPrefix": "rcs", "ChannelInstallSid": INSTALL}), "delivered",
           DELIVERED),
    Family("rcs read", "status", "form",
           status("read", From="rcs:brand_agent", To="rcs:<person>", EventType="READ",
                  ChannelPrefix="rcs"),
           out("Read", "read", **{"from": "rcs:brand_agent", "to": "rcs:<person>"},
               parameters={"ChannelPrefix": "rcs"}), "read", READ),
    Family("rcs failed since the person opted out", "status", "form",
           status("failed", From="rcs:brand_agent", To="rcs:<person>", ErrorCode="21610"),
           out("Failed", "failed", error_code=21610,
               **{"from": "rcs:brand_agent", "to": "rcs:<person>"}), ("failed", 21610), FAILED,
           [("<person>", "rcs:brand_agent", "out", "error-21610")]),
    Family("from an alphanumeric sender", "status", "form", status("delivered", From="My Brand"),
           out("Delivered", "delivered", **{"from": "My Brand"}), "delivered", DELIVERED),
    Family("from a short code", "status", "form", status("delivered", From="12345"),
           out("Delivered", "delivered", **{"from": "12345"}), "delivered", DELIVERED),
    Family("the docs' example of sent", "status", "form",
           without(status("sent"), "To", "ApiVersion"), out("Sent", "sent", to=None), "sent",
           SENT),
    Family("an event type without a status", "status", "form",
           without(whatsapp("", EventType="DELIVERED"), "MessageStatus", "SmsStatus"),
           out("Delivered", "delivered",
               **{"from": f"whatsapp:{SENDER}", "to": "whatsapp:<person>"}, parameters=WHATSAPP),
           "delivered", DELIVERED),
    Family("only the old names of a status", "status", "form",
           without(status("delivered"), "MessageSid", "MessageStatus"),
           out("Delivered", "delivered"), "delivered", DELIVERED),
    Family("status by get", "status", "get", status("delivered"),
           out("Delivered", "delivered", parameters={"account": "W", "meta": "<meta>"}),
           "delivered", DELIVERED),
    Family("partially delivered", "status", "form", status("partially_delivered"),
           out("Sent", "partially_delivered"), "sent", SENT),
    Family("an unknown status", "status", "form", status("teleported", ErrorCode="99999"),
           out("Unrecognised", "teleported", error_code=99999), "teleported", {"messages": 1}),
    Family("unknown parameters", "status", "form",
           status("delivered", ApiVersion="2030-01-01", BrandNew="grün & <b>", Empty=""),
           out("Delivered", "delivered", parameters={
               "ApiVersion": "2030-01-01", "BrandNew": "grün & <b>", "Empty": ""}), "delivered",
           DELIVERED),
    Family("a status with what only a reply says", "status", "form",
           status("sent", OptOutType="STOP", OriginalRepliedMessageSid="<other>"),
           out("Sent", "sent", parameters={"OptOutType": "STOP",
                                           "OriginalRepliedMessageSid": "<other>"}),
           "sent", SENT),
    Family("a code on a success", "status", "form", status("delivered", ErrorCode="30008"),
           out("Delivered", "delivered", error_code=30008), "delivered", DELIVERED),

    # inbound messages
    Family("reply to a number", "inbound", "form", INBOUND, reply(), "received", REPLIED),
    Family("reply to a short code", "inbound", "form", {**INBOUND, "To": "12345"},
           reply(to="12345"), "received", REPLIED),
    Family("reply to a service", "inbound", "form", {**INBOUND, "MessagingServiceSid": SERVICE},
           reply(service=SERVICE), "received", REPLIED),
    Family("reply with media", "inbound", "form",
           {**INBOUND, "Body": "", "NumMedia": "2", "MediaUrl0": MEDIA + "0",
            "MediaContentType0": "image/jpeg", "MediaUrl1": MEDIA + "1",
            "MediaContentType1": "image/png"},
           reply(body="", parameters={
               **GEO, "NumMedia": "2", "MediaUrl0": MEDIA + "0",
               "MediaContentType0": "image/jpeg", "MediaUrl1": MEDIA + "1",
               "MediaContentType1": "image/png"}), "received", REPLIED),
    Family("reply by whatsapp", "inbound", "form",
           {**without(INBOUND, *GEO), "From": "whatsapp:<person>", "To": f"whatsapp:{SENDER}",
            "ProfileName": "Zoë", "WaId": "<digits>", "ButtonText": "Yes", "ButtonPayload": "y1",
            "ReferralBody": "ad", "ReferralSourceType": "ad", "ReferralNumMedia": "0",
            "ReferralCtwaClid": "clid", "Latitude": "52.5", "Longitude": "13.4",
            "Address": "Unter den Linden", "Label": "Berlin", "MessageType": "interactive",
            "ChannelMetadata": '{"type":"whatsapp","data":{"context":{}}}'},
           reply(**{"from": "whatsapp:<person>", "to": f"whatsapp:{SENDER}"}, parameters={
               "ProfileName": "Zoë", "WaId": "<digits>", "ButtonText": "Yes",
               "ButtonPayload": "y1", "ReferralBody": "ad", "ReferralSourceType": "ad",
               "ReferralNumMedia": "0", "ReferralCtwaClid": "clid", "Latitude": "52.5",
               "Longitude": "13.4", "Address": "Unter den Linden", "Label": "Berlin",
               "MessageType": "interactive",
               "ChannelMetadata": '{"type":"whatsapp","data":{"context":{}}}'}),
           "received", REPLIED),
    Family("stop from a business-scoped id", "inbound", "form",
           {**without(INBOUND, *GEO), "From": "whatsapp:US.<digits>", "To": f"whatsapp:{SENDER}",
            "Body": "STOP", "ExternalUserId": "US.<digits>"},
           reply(**{"from": "whatsapp:US.<digits>", "to": f"whatsapp:{SENDER}"}, body="STOP",
                 keyword="stop", parameters={"ExternalUserId": "US.<digits>"}), "received",
           STOPPED, [("whatsapp:US.<digits>", f"whatsapp:{SENDER}", "out", "keyword")]),
    Family("stop by rcs", "inbound", "form",
           {**without(INBOUND, *GEO), "From": "rcs:<person>", "To": "rcs:brand_agent",
            "Body": "Stop"},
           reply(**{"from": "rcs:<person>", "to": "rcs:brand_agent"}, body="Stop", keyword="stop",
                 parameters=None), "received", STOPPED,
           [("<person>", "rcs:brand_agent", "out", "keyword")]),
    Family("stop by advanced opt-out", "inbound", "form",
           {**INBOUND, "Body": "arrêt", "OptOutType": "STOP", "MessagingServiceSid": SERVICE},
           reply(body="arrêt", keyword="stop", service=SERVICE), "received", STOPPED,
           [("<person>", SERVICE, "out", "opt-out-type")]),
    Family("start by advanced opt-out", "inbound", "form",
           {**INBOUND, "Body": "oui", "OptOutType": "START", "MessagingServiceSid": SERVICE},
           reply(body="oui", keyword="start", service=SERVICE), "received", REPLIED,
           [("<person>", SERVICE, "in", "opt-out-type")]),
    Family("help by advanced opt-out", "inbound", "form",
           {**INBOUND, "Body": "aide", "OptOutType": "HELP", "MessagingServiceSid": SERVICE},
           reply(body="aide", keyword="help", service=SERVICE), "received", REPLIED),
    Family("an unknown opt-out type", "inbound", "form",
           {**INBOUND, "Body": "later", "OptOutType": "PAUSE", "MessagingServiceSid": SERVICE},
           reply(body="later", service=SERVICE, parameters={**GEO, "OptOutType": "PAUSE"}),
           "received", REPLIED),
    Family("stream inbound with an unknown opt-out type", "events", "json",
           inbound_cloud(optOutType="PAUSE"),
           reply(occurred=TIME, parameters=of_cloud({**RECEIVED, "optOutType": "PAUSE"})),
           "received", REPLIED),
    Family("stop with a full stop", "inbound", "form", {**INBOUND, "Body": " stop.\r\n"},
           reply(body=" stop.\r\n", keyword="stop"), "received", STOPPED,
           [("<person>", SENDER, "out", "keyword-tolerated")]),
    Family("yes to a toll-free number", "inbound", "form",
           {**INBOUND, "Body": "YES", "To": "+18885550100"},
           reply(body="YES", to="+18885550100", keyword="start", near_miss="YES"), "received",
           REPLIED),
    Family("what sounds like an opt-out", "inbound", "form", {**INBOUND, "Body": "STOP PLEASE"},
           reply(body="STOP PLEASE", near_miss="stop please"), "received", REPLIED),
    Family("reply to a message by name", "inbound", "form",
           {**INBOUND, "OriginalRepliedMessageSid": "<other>",
            "OriginalRepliedMessageSender": SENDER},
           reply(parameters={**GEO, "OriginalRepliedMessageSender": SENDER}), "received", REPLIED),
    Family("reply by get", "inbound", "get", INBOUND,
           reply(parameters={**GEO, "account": "W", "meta": "<meta>"}), "received", REPLIED),
    Family("only the oldest name of a reply", "inbound", "form",
           without(INBOUND, "MessageSid", "SmsSid"), reply(), "received", REPLIED),
    Family("reply without a status", "inbound", "form", without(INBOUND, "SmsStatus"), reply(),
           "received", REPLIED),
    Family("an empty reply", "inbound", "form", {**INBOUND, "Body": ""}, reply(body=""),
           "received", REPLIED),
    Family("a long reply with emoji", "inbound", "form", {**INBOUND, "Body": EMOJI},
           reply(body=EMOJI), "received", REPLIED),

    # the fallback URL
    Family("reply again at the fallback url", "inbound", "form",
           [INBOUND, {**INBOUND, "ErrorCode": "11200", "ErrorUrl": "<url>"}], reply(), "received",
           REPLIED, alerts=[AT_FALLBACK]),
    Family("reply first at the fallback url", "inbound", "form",
           [{**INBOUND, "ErrorCode": "11200", "ErrorUrl": "<url>"}, INBOUND],
           reply(parameters={**GEO, "ErrorCode": "11200", "ErrorUrl": "<url>"}), "received",
           REPLIED, alerts=[AT_FALLBACK]),

    # link shortening
    Family("click", "click", "json", CLICK,
           out("Clicked", "click", service=SERVICE, link=CLICK["link"], occurred=TIME,
               parameters={"user_agent": "Mozilla/5.0"}), "", CLICKED),
    Family("preview of a link", "click", "json", {**CLICK, "event_type": "preview"},
           out("Progress", "preview", service=SERVICE, link=CLICK["link"], occurred=TIME,
               parameters={"user_agent": "Mozilla/5.0"})),
    Family("something else with a link", "click", "json", {**CLICK, "event_type": "hover"},
           out("Unrecognised", None, service=SERVICE, raw_query="<query>", raw_body="<body>")),

    # event streams
    Family("stream sent", "events", "json", message_cloud("sent"),
           out("Sent", "sent", service=SERVICE, occurred=TIME,
               parameters=of_message_cloud("sent")), "sent", SENT),
    Family("stream delivered with the message's callback url", "events", "json",
           message_cloud("delivered", statusCallBackUrl="<url>", rawDlrDoneDate="2405171020",
                         mcc="310", mnc="410", tags={"team": "a"}, errorCode=0),
           out("Delivered", "delivered", service=SERVICE, occurred=TIME, done_date="2405171020",
               parameters=of_message_cloud("delivered", mcc="310", mnc="410", tags={"team": "a"},
                                           statusCallBackUrl="<url>")),
           "delivered", DELIVERED, target="bare"),
    Family("stream delivered with a foreign callback url", "events", "json",
           message_cloud("delivered", statusCallBackUrl="https://example.net/cb?c=<campaign>"),
           out("Delivered", "delivered", service=SERVICE, occurred=TIME, workspace="",
               campaign="", variant="", parameters=of_message_cloud(
                   "delivered", statusCallBackUrl="https://example.net/cb?c=<campaign>")),
           "delivered", target="bare"),
    Family("stream undelivered with a code", "events", "json",
           message_cloud("undelivered", errorCode=30005),
           out("Failed", "undelivered", service=SERVICE, occurred=TIME, error_code=30005,
               parameters=of_message_cloud("undelivered")), ("undelivered", 30005), UNDELIVERED),
    Family("stream failed since the person opted out", "events", "json",
           message_cloud("failed", errorCode="21610"),
           out("Failed", "failed", service=SERVICE, occurred=TIME, error_code=21610,
               parameters=of_message_cloud("failed")), ("failed", 21610), FAILED,
           [("<person>", SERVICE, "out", "error-21610")]),
    Family("stream read", "events", "json",
           {**message_cloud("read"), "time": LATER},
           out("Read", "read", service=SERVICE, occurred=TIME,
               parameters={**of_message_cloud("read"), "time": LATER}), "read", READ),
    Family("stream of an unknown status", "events", "json", message_cloud("teleported"),
           out("Unrecognised", "TELEPORTED", service=SERVICE, occurred=TIME,
               parameters=of_message_cloud("teleported")), "TELEPORTED", {"messages": 1}),
    Family("stream sent with what only a reply says", "events", "json",
           message_cloud("sent", optOutType="STOP", originalRepliedMessageSid="<other>"),
           out("Sent", "sent", service=SERVICE, occurred=TIME, parameters=of_message_cloud(
               "sent", optOutType="STOP", originalRepliedMessageSid="<other>")), "sent", SENT),
    Family("stream inbound", "events", "json", inbound_cloud(),
           reply(occurred=TIME, parameters=of_cloud(RECEIVED)), "received", REPLIED),
    Family("stream inbound stop", "events", "json",
           inbound_cloud(body="STOP", messagingServiceSid=SERVICE),
           reply(body="STOP", keyword="stop", occurred=TIME, service=SERVICE,
                 parameters=of_cloud(RECEIVED)), "received", STOPPED,
           [("<person>", SERVICE, "out", "keyword")]),
    Family("stream link clicked", "events", "json",
           cloud("daptbt.link-shortening.link-clicked", {
               "message_sid": "<sid>", "account_sid": ACCOUNT, "messaging_service_sid": SERVICE,
               "to": "<person>", "from": SENDER, "link": "https://example.com/offer",
               "shortened_link": "https://x.example/ab", "link_create_time": TIME,
               "click_time": LATER, "user_agent": "Mozilla/5.0"}),
           out("Clicked", "click", service=SERVICE, link="https://example.com/offer",
               occurred=LATER, parameters=of_cloud({
                   "shortened_link": "https://x.example/ab", "link_create_time": TIME,
                   "user_agent": "Mozilla/5.0"}, time=TIME)), "", CLICKED),
    Family("stream link shortened", "events", "json",
           cloud("daptbt.link-shortening.link-shortened", {
               "message_sid": "<sid>", "account_sid": ACCOUNT, "messaging_service_sid": SERVICE,
               "to": "<person>", "from": SENDER, "link": "https://example.com/offer",
               "shortened_link": "https://x.example/ab", "link_create_time": TIME}),
           out("Progress", "link-shortened", service=SERVICE, link="https://example.com/offer",
               occurred=TIME, parameters=of_cloud({
                   "shortened_link": "https://x.example/ab", "link_create_time": TIME}))),
    Family("stream number reassigned and opted out", "events", "json", REASSIGNED,
           out("Progress", "opt-out-created", message=None, occurred=TIME,
               parameters=of_reassigned({})),
           ledger=[("<person>", SENDER, "out", "reassigned-number")]),
    Family("stream number reassigned, and nothing done", "events", "json",
           {**REASSIGNED, "data": {**REASSIGNED["data"], "consent_operation": "none"}},
           out("Progress", "none", message=None, occurred=TIME, parameters=of_reassigned({}))),
    Family("stream number reassigned, without a number", "events", "json",
           {**REASSIGNED, "data": without(REASSIGNED["data"], "to_number")},
           out("Unrecognised", "opt-out-created", message=None, to=None, occurred=TIME,
               raw_query="<query>", raw_body="<body>")),
    Family("stream test", "events", "json",
           cloud("eventstreams.test-event", {"test_id": "t1"}),
           plain("Progress", "test", occurred=TIME, parameters=of_cloud({"test_id": "t1"}))),
    Family("stream error logged", "events", "json", cloud("error-logs.error.logged", LOGGED),
           plain("Progress", "error", occurred=TIME, error_code=11200, parameters=of_cloud({
               "product_name": "Programmable Messaging", "payload": LOGGED["payload"]})),
           alerts=[{**ALERT, "sid": "<id>"}]),
    Family("stream error logged with a plain payload", "events", "json",
           cloud("error-logs.error.logged", {**LOGGED, "payload": payload("<url>")}),
           plain("Progress", "error", occurred=TIME, error_code=11200, parameters=of_cloud({
               "product_name": "Programmable Messaging", "payload": payload("<url>")})),
           alerts=[{**ALERT, "sid": "<id>"}]),
    Family("stream of an unknown type", "events", "json",
           cloud("messaging.rich-card.viewed", {"messageSid": "<sid>", "accountSid": ACCOUNT}),
           out("Unrecognised", None, **{"from": None, "to": None}, occurred=TIME,
               raw_query="<query>", raw_body="<body>")),
    Family("stream array", "events", "json",
           [message_cloud("sent"), {**message_cloud("delivered"), "id": "<id>2"},
            {**message_cloud("delivered"), "id": "<id>3"},
            cloud("messaging.rich-card.viewed", {"messageSid": "<sid>"}, id="<id>4")],
           [out("Sent", "sent", service=SERVICE, occurred=TIME,
                parameters=of_message_cloud("sent")),
            out("Delivered", "delivered", service=SERVICE, occurred=TIME,
                parameters=of_message_cloud("delivered")),
            out("Unrecognised", None, **{"from": None, "to": None}, occurred=TIME,
                raw_query="<query>", raw_body="<element 3>")], "delivered", DELIVERED),

    # the debugger
    Family("alert of a request to dlrd", "debugger", "form", alert_form("<url>"),
           plain("Progress", "error", occurred=TIME, error_code=11200,
                 parameters=rest_of_alert("<url>")), alerts=[ALERT]),
    Family("alert of a request to another server", "debugger", "form",
           alert_form("https://example.net/hook", "Warning"),
           plain("Progress", "warning", occurred=TIME, error_code=11200,
                 parameters=rest_of_alert("https://example.net/hook")),
           alerts=[{**ALERT, "level": "warning", "ours": 0,
                    "request_url": "https://example.net/hook"}]),
    Family("alert of a request to the same path elsewhere", "debugger", "form",
           alert_form("https://example.net/auto"),
           plain("Progress", "error", occurred=TIME, error_code=11200,
                 parameters=rest_of_alert("https://example.net/auto")),
           alerts=[{**ALERT, "ours": 0, "request_url": "https://example.net/auto"}]),
    Family("alert twice", "debugger", "form", [alert_form("<url>"), alert_form("<url>")],
           plain("Progress", "error", occurred=TIME, error_code=11200,
                 parameters=rest_of_alert("<url>")), alerts=[ALERT]),
]

FIGURES = ["messages", "sent", "delivered", "failed", "canceled", "pending", "read", "replied",
           "clicked", "clicked_messages", "opted_out", "conflicts"]


# --- posting ---

_postings = itertools.count(1)


def fresh_names():
    number = next(_postings)
    campaign = f"{1700000000 + number}_20240101"
    first, second = campaign.split("_")
    meta = f"0.1.{first}.{second}.0.v1.1"
    digits = f"1555{number:07d}"
    return {"<sid>": new_sid("SM"), "<mms>": new_sid("MM"), "<other>": new_sid("SM"),
            "<no>": new_sid("NO"), "<id>": new_sid("EZ"), "<person>": f"+{digits}",
            "<digits>": digits, "<campaign>": campaign, "<meta>": meta,
            "<url>": f"{PUBLIC_URL}/auto?account=W&meta={meta}"}


def fill(value, names):
    """The value with its <names> filled; keys are not changed."""
    if isinstance(value, dict):
        return {key: fill(item, names) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(fill(item, names) for item in value)
    if isinstance(value, str):
        for name in sorted(names, key=len, reverse=True):
            value = value.replace(name, names[name])
    return value


def requests_of(family, kind, names):
    """The bytes of each request and its method. Adds body and query to the names."""
    what = fill(family.what, names)
    tags = f"?account=W&meta={names['<meta>']}" if family.target == "tagged" else ""
    target = f"/{kind}{tags}"
    names["<path>"] = f"/{kind}"
    if family.how == "json":
        body = json.dumps(what, ensure_ascii=False).encode()
        names["<body>"] = body.decode()
        names["<query>"] = harness.body_target(target, body).partition("?")[2]
        return [("POST", signed_json(target, body))]
    several = what if isinstance(what, list) else [what]
    if family.how == "get":
        targets = [f"{target}&{urlencode(params)}" for params in several]
        names["<query>"] = targets[-1].partition("?")[2]
        return [("GET", signed_get(text)) for text in targets]
    names["<body>"] = urlencode(several[-1])
    names["<query>"] = target.partition("?")[2]
    return [("POST", signed_post(target, params)) for params in several]


def answer_of(family, kind):
    """An inbound message is answered in TwiML, and so are other callbacks on its route."""
    return 200 if "inbound" in (kind, family.kind if kind == "auto" else None) else 204


def last_seq(daemon):
    daemon.settle()
    return daemon.sql("SELECT coalesce(max(seq), 0) FROM event")[0][0]


def post(daemon, family, kind, names):
    """Gives the sequence number after which the events are new."""
    before = last_seq(daemon)
    for method, data in requests_of(family, kind, names):
        response = daemon.ask(data, method)
        assert response.status == answer_of(family, kind), response
        if response.status == 200:
            root = ElementTree.fromstring(response.body)
            assert (root.tag, len(root)) == ("Response", 0)
        else:
            assert response.body == b""
    daemon.settle()
    return before


@pytest.fixture(scope="module")
def family_daemon():
    keys = {"workspace": "{account}", "campaign": "{meta.3}_{meta.4}", "variant": "{meta.6}"}
    daemon = harness.Daemon(
        {f"callback /{kind}": {"kind": kind, **keys} for kind in KINDS}).start()
    yield daemon
    try:
        daemon.audit()
    finally:
        daemon.finish()


def rows_of(daemon, query, *values):
    """Rows as dictionaries, texts as str."""
    connection = daemon.database()
    connection.text_factory = str
    try:
        cursor = connection.execute(query, values)
        return [dict(zip([column[0] for column in cursor.description], row)) for row in cursor]
    finally:
        connection.close()


def events_after(daemon, seq):
    rows = rows_of(daemon, "SELECT * FROM events WHERE seq > ? ORDER BY seq", seq)
    for row in rows:
        row["parameters"] = None if row["extra"] is None else json.loads(row["extra"])
        for name in ("raw_query", "raw_body"):
            row[name] = None if row[name] is None else row[name].decode()
    return rows


def elements_of(family, names):
    """The <element N> of an array, as JSON that compares equal however it is spelt."""
    what = fill(family.what, names)
    return {f"<element {i}>": item for i, item in enumerate(what)} if isinstance(
        what, list) else {}


def check_events(daemon, family, before, names):
    found = events_after(daemon, before)
    want = fill(copy.deepcopy(family.events), names)
    for event, row in zip(want, found):
        if (event["raw_body"] or "").startswith("<element"):
            event["raw_body"] = elements_of(family, names)[event["raw_body"]]
            row["raw_body"] = json.loads(row["raw_body"])
    assert len(found) == len(want)
    for event, row in zip(want, found):
        wrong = {key: (row[key], event[key]) for key in EVENT if row[key] != event[key]}
        assert not wrong, "what is, and what should be"
    return found


def check_api(daemon, family, found):
    """The API shows of each event what the view has."""
    for row in found:
        shown = daemon.get(f"/v1/events/{row['seq']}", settle=False)
        for key in set(EVENT) & set(shown) - {"raw_body"}:
            assert shown[key] == row[key], key
        if row["message"] is not None:
            receipts = daemon.get(f"/v1/messages/{row['message']}", settle=False)["receipts"]
            same, = [receipt for receipt in receipts if receipt["seq"] == row["seq"]]
            assert same["parameters"] == row["parameters"]


def check_state(daemon, family, found):
    sids = {row["message"] for row in found} - {None}
    for sid in sids:
        rows = rows_of(daemon, "SELECT status, error_code FROM message WHERE sid = ?", sid)
        if family.state[0] is None:
            assert rows == []
            continue
        status_now, code = family.state
        assert rows == [{"status": status_now, "error_code": code or -1}]
        assert daemon.get(f"/v1/messages/{sid}", settle=False)["status"] == (status_now or None)
    assert sids or family.state[0] is None


def check_figures(daemon, names, want):
    columns = ", ".join(FIGURES)
    rows = rows_of(daemon, f"SELECT {columns} FROM campaign_stats WHERE campaign = ?",
                   names["<campaign>"])
    found = {key: value for row in rows for key, value in row.items() if value}
    assert found == want
    if rows:
        shown = daemon.get(f"/v1/campaigns/{quote(names['<campaign>'])}", settle=False)
        for key in set(FIGURES) & set(shown):
            assert (shown[key] or 0) == want.get(key, 0), key  # null: nothing of the kind was ever received
    elif want:
        raise AssertionError("no campaign")


def check_ledger(daemon, family, names):
    want = fill(family.ledger, names)
    like = f"%{names['<digits>']}"
    history = rows_of(daemon, "SELECT number, scope, state, cause, changed FROM optout_history"
                      " WHERE number LIKE ? ORDER BY seq", like)
    assert [tuple(row.values()) for row in history] == [(*row, 1) for row in want]
    now = rows_of(daemon, "SELECT number, scope, state, cause FROM optouts WHERE number LIKE ?",
                  like)
    assert [tuple(row.values()) for row in now] == want


def check_alerts(daemon, family, before, names):
    columns = ", ".join(ALERT)
    found = rows_of(daemon, f"SELECT {columns} FROM alerts WHERE seq > ? ORDER BY seq", before)
    assert found == fill(family.alerts, names)


def cases():
    for family in FAMILIES:
        for kind in ("auto", family.kind):
            yield pytest.param(family, kind, marks=family.mark, id=f"{family.name}, {kind} route")


@pytest.mark.parametrize("family,kind", cases())
def test_a_family_means_what_it_says_on_both_kinds_of_route(family_daemon, family, kind):
    names = fresh_names()
    before = post(family_daemon, family, kind, names)
    found = check_events(family_daemon, family, before, names)
    check_api(family_daemon, family, found)
    check_state(family_daemon, family, found)
    check_figures(family_daemon, names, family.figures)
    check_ledger(family_daemon, family, names)
    check_alerts(family_daemon, family, before, names)


def wrong_cases():
    """Each family's first example on each route that is not for it, by each way it comes."""
    seen = set()
    for family in FAMILIES:
        if (family.kind, family.how) in seen or isinstance(family.what, list):
            continue
        seen.add((family.kind, family.how))
        for kind in KINDS:
            if kind not in ("auto", family.kind):
                yield pytest.param(family, kind, id=f"{family.name}, {kind} route")


@pytest.mark.parametrize("family,kind", wrong_cases())
def test_a_family_on_a_wrong_route_is_unrecognised_with_its_bytes_and_counts_nothing(
        family_daemon, family, kind):
    names = fresh_names()
    before = post(family_daemon, family, kind, names)
    row, = events_after(family_daemon, before)
    assert (row["type"], row["campaign"]) == ("Unrecognised", names["<campaign>"])
    assert row["raw_query"] == names["<query>"]
    assert row["raw_body"] == (None if family.how == "get" else names["<body>"])
    shown = family_daemon.get(f"/v1/events/{row['seq']}")
    assert (shown["type"], shown["raw_query"], shown["raw_body"]) == (
        row["type"], row["raw_query"], row["raw_body"])
    check_figures(family_daemon, names, {})
    assert rows_of(family_daemon, "SELECT * FROM optouts WHERE number LIKE ?",
                   f"%{names['<digits>']}") == []
    assert rows_of(family_daemon, "SELECT * FROM alerts WHERE seq > ?", before) == []


def test_what_came_on_a_wrong_route_counts_when_it_comes_on_the_right_one(family_daemon):
    """Nothing that was filed as unrecognised makes the real one a duplicate."""
    for name, wrong, right in (("sms delivered", "inbound", "status"),
                               ("reply to a number", "status", "inbound"),
                               ("stream sent", "click", "events"),
                               ("click", "events", "click")):
        family = next(family for family in FAMILIES if family.name == name)
        names = fresh_names()
        post(family_daemon, family, wrong, names)
        before = post(family_daemon, family, right, names)
        check_events(family_daemon, family, before, names)
        check_figures(family_daemon, names, family.figures)


def test_json_without_its_hash_or_with_another_is_refused_and_leaves_nothing(family_daemon):
    before = last_seq(family_daemon)
    names = fresh_names()
    body = json.dumps(fill(CLICK, names)).encode()
    target = f"/click?account=W&meta={names['<meta>']}"
    other = harness.body_target(target, body + b" ")
    for asked in (target, other):
        data = harness.request_bytes("POST", asked, [
            ("Content-Type", "application/json"),
            ("X-Twilio-Signature", sign(PUBLIC_URL + asked))], body)
        assert family_daemon.ask(data).status == 403
    assert last_seq(family_daemon) == before


def test_a_person_whose_message_came_on_a_wrong_route_is_no_provider(family_daemon):
    family = next(family for family in FAMILIES if family.name == "reply to a number")
    names = fresh_names()
    post(family_daemon, family, "status", names)
    assert rows_of(family_daemon, "SELECT sender FROM provider_stats WHERE sender = ?",
                   names["<person>"]) == []
