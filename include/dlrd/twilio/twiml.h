/* twiml: writes the answer to an inbound message.
 *
 * Twilio sends the body of a text/plain answer to the person as a message, so the answer to an
 * inbound webhook is always TwiML. */
#pragma once

#include "dlrd/base/buffer.h"

#define TWIML_MEDIA_TYPE "text/xml"

/* The answer that sends no message. */
#define TWIML_EMPTY "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>"

/* Appends a document that sends a message to the person (<Response><Message>,
 * docs/messaging/twiml): text, and the file that Twilio fetches from the link media. One of the two
 * may be absent. Markup is escaped, and bytes that XML 1.0 does not allow (other control
 * characters, invalid UTF-8) become U+FFFD. */
void twiml_message(struct slice text, struct slice media, struct buffer *out);
