#include "dlrd/twilio/error_guide.h"

#include <stddef.h>

static const struct error_guide guides[] = {
    {11200,
	"Twilio could not fetch the URL of a webhook, or got no answer that it accepts. If it was "
	"a "
	"status callback, its receipt is missing unless Twilio tried again.",
	"Call the URL from another network: the server must be reachable and answer within 15 "
	"seconds.\n"
	"Check the certificate: Twilio needs the whole chain, and a name that matches.\n"
	"Read the proxy's log at that time; dlrd alerts shows the URL and the answer.\n"
	"Give Twilio URLs that ask for retries: dlrd url prints them."},
    {12300, "The answer to a webhook had a Content-Type that Twilio does not read.",
	"Answer with Content-Type: text/xml and TwiML.\n"
	"If a proxy answers in place of the application, correct its error pages."},
    {20003,
	"The Account SID and the token or API key of the request do not belong together, or the "
	"key "
	"may not do this.",
	"Compare SID and token with the console, and look for blanks at their ends.\n"
	"Check that both are of the same account: a subaccount has a SID and token of its own, "
	"and so have the test credentials.\n"
	"If it is an API key, check its permissions, and whether it was revoked."},
    {20404, "The request named a resource that does not exist in this account.",
	"Check the SID, letter by letter: upper and lower case differ.\n"
	"Check that the resource belongs to the account of the request.\n"
	"Check the base URL and the version in it."},
    {21211, "The number in \"To\" is malformed, or no such number can exist.",
	"Write it in E.164: a plus, the country code, and no blanks: +15017122661.\n"
	"Check the list for numbers without a country code, and for numbers that a "
	"spreadsheet rounded.\n"
	"Do not send from a Twilio number to itself."},
    {21408, "The account may not send to the country of this number.",
	"Enable the country in the console: Messaging, Settings, Geo permissions.\n"
	"If you do not want to send there, remove such numbers from the list: a mistyped "
	"country code is often the reason."},
    {21610,
	"The person sent STOP, or another word of that meaning, to this sender or its messaging "
	"service. Twilio blocks all further messages.",
	"Remove the number from the list: dlrd optouts shows when and how it opted out.\n"
	"Only the person can undo it, by sending START to the same sender.\n"
	"Do not send from another sender instead: the person has said no."},
    {21614, "The number cannot receive SMS: it is a landline, or not a mobile number.",
	"Check that the number is written in E.164, with the right country code.\n"
	"Look the line type up with Twilio Lookup.\n"
	"Remove landlines from the list."},
    {30001, "Messages arrived faster than the sender may send them, and its queue is full.",
	"Wait until the queue is empty, and send the failed messages again.\n"
	"Send more slowly: the rate depends on the kind of sender and its registration.\n"
	"Use a messaging service with more senders."},
    {30002, "Twilio suspended the account after it had taken the message and before it sent it.",
	"Read the notices in the console and the mail to the account's owner.\n"
	"Ask Twilio's support for the conditions to lift the suspension.\n"
	"Then send the failed messages again."},
    {30003,
	"The phone was off or out of reach, or the carrier found no way to it. Often it is the "
	"phone, and passes.",
	"Try again later, and not more than a few times.\n"
	"Send a short text to another phone of the same carrier. If it arrives, it is this "
	"phone.\n"
	"If many numbers of one carrier fail, give Twilio's support the SIDs of some."},
    {30004,
	"The number does not accept this message: it is on a list of blocked numbers, of the "
	"person, "
	"the carrier or a regulator.",
	"Look for an opt-out: dlrd optouts NUMBER.\n"
	"Check the rules of the country on do-not-disturb lists and sending times.\n"
	"Ask the person in another way whether they want the messages. Do not retry blindly."},
    {30005, "The carrier does not know the number: it is not in service, or not assigned.",
	"Check that it is written in E.164, with the right country code.\n"
	"Check with the person, or with Twilio Lookup, that the number is active.\n"
	"If other phones of that carrier fail as well, tell Twilio's support.\n"
	"Otherwise remove the number from the list."},
    {30006,
	"The number is a landline, or on a network that this kind of sender cannot reach. Some "
	"carriers take nothing from short codes.",
	"Look the line type up with Twilio Lookup, and remove landlines.\n"
	"For a mobile number, try a sender of another kind.\n"
	"Use another channel for the rest."},
    {30007,
	"A carrier, or Twilio, held the message back as spam or as against its policy. The text, a "
	"link in it, or a sender that is not registered can be the reason.",
	"Check the sender's registration: A2P 10DLC for long numbers in the US, verification for "
	"toll-free numbers.\n"
	"Check the text: name yourself, say how to opt out, and use no public link shortener.\n"
	"Send only to people who asked for the messages, as the messaging policy requires.\n"
	"If all of that is right, give Twilio's support at least three SIDs of the last 24 "
	"hours."},
    {30008,
	"The carrier gave no reason. A phone that is roaming, an unusual text, or trouble at the "
	"carrier can cause it.",
	"Send a short plain text without links to the same number.\n"
	"Send from another sender.\n"
	"If it goes on, give Twilio's support at least three SIDs of the last 24 hours."},
    {30009,
	"A part of a long incoming message did not arrive, so Twilio could not put it together.",
	"Ask the person to send it again, or in shorter messages."},
    {30010,
	"The request had a MaxPrice below the price of the message. Twilio ignores MaxPrice since "
	"2024-06-03.",
	"Remove MaxPrice from the request.\n"
	"To limit what a campaign costs, count the segments of its text before it starts."},
    {63005,
	"The channel, such as WhatsApp, did not accept the content: the kind of media, the size, "
	"or "
	"a template that does not fit.",
	"Read the channel's own error, which the console shows with the message.\n"
	"Check type and size of the media against the channel's limits.\n"
	"Check that the number is on the channel.\n"
	"Outside a conversation, use an approved template."},
    {63016, "WhatsApp takes free text only within 24 hours after the person's last message.",
	"Send an approved template.\n"
	"Continue with free text when the person has answered."},
};

const struct error_guide *
error_guide_find(int64_t code)
{
	for (size_t i = 0; i < sizeof guides / sizeof guides[0]; i++)
		if (guides[i].code == code)
			return &guides[i];
	return NULL;
}
