/* twiml: what an inbound message is answered with.
 *
 * Twilio sends the body of a text/plain answer to the person as a message, so the answer to an
 * inbound webhook is TwiML, always. */
#ifndef DLRD_TWILIO_TWIML_H
#define DLRD_TWILIO_TWIML_H

#include "dlrd/base/buffer.h"

#define TWIML_MEDIA_TYPE "text/xml"

/* Nothing is to be sent. */
#define TWIML_EMPTY "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>"

/* Appends a document that sends text to the person (<Response><Message>, docs/messaging/twiml):
 * markup is escaped, and what XML 1.0 cannot carry (other controls, what is not UTF-8) becomes
 * U+FFFD. */
void twiml_message(struct slice text, struct buffer *out);

#endif
