/* alert: what Twilio's debugger says went wrong with a request to us, or of ours.
 *
 * The Payload parameter of the debugger webhook is JSON text (docs/usage/troubleshooting/
 * debugging-event-webhooks); Event Streams carries the same in com.twilio.error-logs.error.logged.
 * One thread. */
#ifndef DLRD_TWILIO_ALERT_H
#define DLRD_TWILIO_ALERT_H

#include "dlrd/base/json.h"

/* Slices are borrowed from the struct's own memory; absent where the payload does not say. */
struct alert {
	int64_t error_code;       /* 1 to 9 digits; -1 for none */
	struct slice resource;    /* the SID of what it happened to: a message, a call ... */
	struct slice service;     /* service_sid */
	struct slice request_url; /* webhook.request.url */
	struct slice method;      /* webhook.request.method */
	int64_t response_status;  /* webhook.response.status_code; -1 for none */
	struct slice text;        /* more_info's message: Msg, msg, message or error_message; else
				     more_info itself where it is a text; else the payload's own
				     message or error_message, as Event Streams has it */
	struct json_t *payload;   /* owned */
};

/* Reads a payload; of one that is cut or damaged, what comes before the damage. What is no JSON
 * object gives an alert that says nothing. */
void alert_read(struct slice payload, struct alert *out_alert);

/* Frees what alert_read made; the slices are no longer good. */
void alert_done(struct alert *alert);

#endif
