/* alert: reads the reports of Twilio's debugger about failed requests, from Twilio or to Twilio.
 *
 * The Payload parameter of the debugger webhook is JSON text (docs/usage/troubleshooting/
 * debugging-event-webhooks); Event Streams carries the same in com.twilio.error-logs.error.logged.
 * One thread. */
#pragma once

#include "dlrd/base/json.h"

/* Slices are borrowed from the struct's own memory; absent if the payload has no value. */
struct alert {
	int64_t error_code;       /* 1 to 9 digits; -1 for none */
	struct slice resource;    /* SID of the affected resource: a message, a call ... */
	struct slice service;     /* service_sid */
	struct slice request_url; /* webhook.request.url */
	struct slice method;      /* webhook.request.method */
	int64_t response_status;  /* webhook.response.status_code; -1 for none */
	struct slice text;        /* more_info's Msg, msg, message or error_message; else more_info
				     itself if it is text; else the payload's message or
				     error_message, as in Event Streams */
	struct json_t *payload;   /* owned */
};

/* Reads a payload; a truncated or damaged one up to the damage. A payload that is not a JSON object
 * makes an empty alert. */
void alert_read(struct slice payload, struct alert *out_alert);

/* Frees what alert_read made; the slices become invalid. */
void alert_done(struct alert *alert);
