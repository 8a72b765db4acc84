#include "near_miss.h"

#include "words.h"

/* Longest texts in which the words of a list count, in words. */
#define SHORT 4
#define ALONE 2 /* the word, and perhaps a "please" */

/* Where a phrase must be in a text. */
enum place {
	WORDS,            /* anywhere, as whole words */
	FIRST_WORDS,      /* at the start */
	CHARACTERS,       /* anywhere: for languages without spaces between words */
	FIRST_CHARACTERS, /* at the start */
};

/* Lists of phrases, without accents and separated by |. More specific ones come first, since the
 * first match is shown. */
static const struct slice in_any_text = SLICE_INIT(
    /* English */
    "please stop|stop please|stop texting|stop messaging|stop sending|stop all|opt out|opt-out|"
    "opt me out|opting out|unsubscribe me|remove me|remove us|remove from|remove my number|"
    "remove my|remove this number|delete me|delete my number|delete my name|lose my number|"
    "take me off|take me out|off your list|off this list|off the list|wrong number|do not text|"
    "don't text|do not message|don't message|do not send|don't send|do not contact|don't contact|"
    "quit texting|quit messaging|quit sending|leave me alone|no more messages|no more texts|"
    "not interested|STOP|STOPALL|UNSUBSCRIBE|unsubscribed|un-subscribe|un subscribe|unsuscribe|"
    "unsubcribe|unsubscibe|unsub|st op|REVOKE|OPTOUT|"
    /* French */
    "desabonner|desabonnez|desabonne|desabonnement|desinscrire|desinscription|desinscrivez|"
    "resilier|arret|arrett|arreter|arretez|ne plus recevoir|plus de messages|plus de sms|"
    "retirez moi|retirez-moi|supprimez mon|mauvais numero|"
    /* Spanish */
    "dar de baja|darme de baja|darse de baja|deme de baja|desuscribir|desuscribirme|desuscribirse|"
    "anular suscripcion|cancelar suscripcion|no mas mensajes|no me manden|ya no quiero|"
    "no quiero mas|no me escriban|no me envien|no molesten|dejen de|deje de|numero equivocado|"
    "borrenme|eliminenme|quitenme|"
    /* Portuguese */
    "descadastrar|descadastre|sair da lista|nao quero mais|nao quero receber|pare de|parem de|"
    "me tira|me tire|numero errado|"
    /* Italian */
    "disiscrivi|disiscrivimi|disiscrivermi|disiscrizione|cancellami|cancellatemi|rimuovimi|"
    "toglimi|numero sbagliato|smettila|smettetela|"
    /* German */
    "stopp|stoppen|abmelden|abmeldung|abbestellen|austragen|keine sms|keine nachrichten|"
    "keine werbung|falsche nummer|"
    /* Dutch */
    "afmelden|uitschrijven|geen berichten|geen sms|stopzetten|verkeerd nummer|"
    /* Swedish, Danish, Norwegian, Finnish */
    "avregistrera|avprenumerera|avsluta|inga fler|fel nummer|afmeld|frameld|forkert nummer|avmeld|"
    "feil nummer|lopeta|lopettakaa|peruuta|vaara numero|stoppa|"
    /* Polish, Czech, Slovak, Hungarian, Romanian, Turkish */
    "wypisz|rezygnuje|rezygnacja|odsubskrybuj|anuluj|odhlasit|odhlaste|zrusit|leiratkozas|"
    "leiratkozom|dezabonare|dezaboneaza|opreste|uyelikten cik|mesaj istemiyorum|sms istemiyorum|"
    "iptal|"
    /* Russian, Ukrainian, Greek, Arabic, Hebrew, Hindi */
    "стоп|отписка|отписаться|отпишите|отпишись|отмена|хватит|не пишите|не присылайте|удалите|"
    "відписатися|відписатись|στοπ|σταματήστε|σταματηστε|διαγραφή|διαγραφη|إيقاف|ايقاف|توقف|قف|"
    "إلغاء|الغاء|הסר|הסרה|הסירו|עצור|रोकें|बंद|"
    /* Indonesian, Malay, Filipino, Vietnamese */
    "berhenti|berhenti langganan|itigil|tigil|tu choi|huy dang ky");
static const struct slice in_any_text_without_spaces = SLICE_INIT(
    /* Chinese, Japanese, Korean, Thai */
    "退订|退訂|停止|取消|拒收|不要再发|不要再發|解除|ストップ|やめて|수신거부|수신 거부|중지|그만|"
    "หยุด|ยกเลิก");

/* Words that are common in their language, or names in another one. */
static const struct slice in_short_text = SLICE_INIT(
    /* English */
    "no more|CANCEL|END|QUIT|REMOVE|DELETE|CEASE|"
    /* French */
    "arrete|supprimer|annuler|"
    /* Spanish */
    "no mas|anular|baja|parar|paren|detener|cancelar|eliminar|borrar|quitar|terminar|"
    /* Portuguese */
    "sair|remover|excluir|"
    /* Italian */
    "cancella|annulla|rimuovi|disdici|"
    /* German */
    "loschen|loeschen|kundigen|kuendigen|aufhoren|aufhoeren|abbrechen|nicht mehr|"
    /* Dutch */
    "verwijderen|verwijder|"
    /* Swedish, Danish, Norwegian, Finnish */
    "sluta|avslutt");

static const struct slice in_text_alone = SLICE_INIT(
    /* French */
    "fin|"
    /* Spanish */
    "para|alto|basta|salir|"
    /* Portuguese */
    "pare|chega|"
    /* Swedish, Danish, Norwegian, Finnish */
    "slut|seis|"
    /* Polish, Czech, Slovak, Hungarian, Romanian, Turkish */
    "koniec|konec|dur|cik|"
    /* Indonesian, Malay, Filipino, Vietnamese */
    "dung|huy|"
    /* Chinese, Japanese, Korean, Thai */
    "td");

/* Returns the text after the phrase at its start, or NULL. */
static const wchar_t *
match(const wchar_t *text, struct slice phrase)
{
	while (phrase.len > 0) {
		wchar_t character = words_fold(words_take_character(&phrase));
		if (character != '\'' && *text++ != character)
			return NULL;
	}
	return text;
}

/* spaced is as words_space writes it. */
static bool
contains(const wchar_t *spaced, struct slice phrase, enum place place)
{
	bool whole = place == WORDS || place == FIRST_WORDS;
	bool first = place == FIRST_WORDS || place == FIRST_CHARACTERS;

	do {
		bool begins = *spaced == ' ';
		const wchar_t *end = begins || !whole ? match(spaced + begins, phrase) : NULL;
		if (end != NULL && (*end == ' ' || !whole))
			return true;
	} while (!first && *spaced != '\0' && *++spaced != '\0');
	return false;
}

/* Returns the first phrase of the list that the text contains; absent: none. */
static struct slice
find(const wchar_t *spaced, struct slice phrases, enum place place)
{
	while (phrases.ptr != NULL) {
		struct slice phrase = slice_take(&phrases, '|');
		if (contains(spaced, phrase, place))
			return phrase;
	}
	return SLICE_NONE;
}

static bool
has(const wchar_t *spaced, struct slice phrases, enum place place)
{
	return find(spaced, phrases, place).ptr != NULL;
}

struct slice
near_miss_find(struct slice text)
{
	wchar_t spaced[WORDS_ROOM];
	size_t words = words_space(text, WORDS_TEXT_MAX, spaced);
	words_strip_accents(spaced);
	struct slice found = find(spaced, in_any_text, WORDS);

	if (found.ptr == NULL)
		found = find(spaced, in_any_text_without_spaces, CHARACTERS);
	if (found.ptr == NULL && words <= SHORT)
		found = find(spaced, in_short_text, WORDS);
	if (found.ptr == NULL && words <= ALONE)
		found = find(spaced, in_text_alone, WORDS);
	return found;
}

/* --- reactions --- */

/* Beginnings of reactions in the languages of telephones. "Reacted 👍 to" and "👍 to" are recognised
 * by the picture. */
static const struct slice reactions = SLICE_INIT(
    "liked|loved|disliked|laughed at|emphasized|emphasised|questioned|reacted|removed|added|"
    "highlighted|hearted|"
    "le gusto|le gusta|me gusta|me gusto|no le gusto|no le gusta|no me gusta|le encanto|"
    "le encanta|me encanta|me encanto|amo|se rio|le dio risa|le hizo gracia|le divirtio|enfatizo|"
    "destaco|resalto|exclamo|cuestiono|pregunto|reacciono|elimino|quito|curtiu|gostou|amou|adorou|"
    "nao curtiu|nao gostou|riu|rachou|enfatizou|destacou|questionou|reagiu|removeu|"
    "aime|a aime|jaime|naime pas|na pas aime|adore|a adore|jadore|a ri|rit|rigole|a mis|"
    "a souligne|a insiste|insiste|a questionne|a reagi|reagit|a supprime|a retire|piace|mi piace|"
    "non piace|ha messo|ha adorato|adora|ha riso|ride|ha enfatizzato|ha evidenziato|ha contestato|"
    "ha reagito|ha rimosso|ha aggiunto|ha espresso|"
    "gefallt|gefaellt|mir gefallt|gefiel|gefallt nicht|liebt|mag|hat|lacht|lachte|betont|betonte|"
    "hinterfragt|hinterfragte|reagiert|reagierte|vindt|vond|heeft|lachte om|benadrukt|benadrukte|"
    "reageerde|"
    "gillade|gillar|alskade|alskar|ogillade|skrattade|betonade|ifragasatte|reagerade|"
    "synes godt om|kunne lide|elskede|reagerede|likte|liker|elsket|elsker|reagerte|tykkasi|"
    "rakasti|nauroi|reagoi|"
    "polubiono|polubil|polubila|lubi|uwielbia|kocha|zareagowal|begendi|bayildi|guldu|понравилось|"
    "нравится|не понравилось|не нравится|рассмешило|реакция");
/* No space follows, or it follows the quotation. */
static const struct slice reactions_without_spaces =
    SLICE_INIT("赞了|讚|喜欢|喜歡|爱|對|对|に|を|을 를|에");

/* Words of a person who quotes: I said "stop". */
static const struct slice speaking =
    SLICE_INIT("i|im|ive|you|we|my|said|says|say|told|asked|wrote|texted|please|yo|je|ich|eu");

/* Words that identify a quotation as a campaign's text. */
static const struct slice invitations = SLICE_INIT(
    "reply|text stop|txt stop|send stop|msg stop|to opt out|to opt-out|to end|to stop|to cancel|"
    "to quit|to unsubscribe|responde|responda|envia|envie|contesta|envoyez|repondez|stop au|"
    "antworte|antworten|sende|senden|rispondi|invia|antwoord|svara|svar|odpisz|wyslij|ответьте|"
    "отправьте");
static const struct slice invitations_without_spaces = SLICE_INIT("回复|回覆|返信");

#define OUTSIDE_WORDS_MAX 6 /* words of a reaction: "Removed a question mark from" has 5 */

static bool
is_quote(wchar_t character)
{
	static const wchar_t marks[] = L"\"“”„‟«»‹›「」『』＂";
	return character != '\0' && wcschr(marks, character) != NULL;
}

/* A single quote is usually an apostrophe. It counts only before a word, and at the end of the text
 * if a quotation is open. */
static bool
is_single_quote(wchar_t character, wchar_t before, bool at_end, bool open)
{
	static const wchar_t marks[] = L"'‘’‚";
	return character != '\0' && wcschr(marks, character) != NULL &&
	       (open ? at_end : before == ' ' || before == '\n' || before == '\0');
}

static bool
is_picture(wchar_t character)
{
	return (character >= 0x2190 && character < 0x2c00) ||
	       (character >= 0x1f000 && character < 0x20000);
}

/* The parts of a text before, between and after its first and last quotation marks. */
struct quotation {
	struct slice before, quoted, after;
	bool has_picture; /* before the quotation */
};

/* Returns false if nothing is quoted. The end of the text ends a quotation that is cut off. */
static bool
find_quotation(struct slice text, struct quotation *out_quotation)
{
	struct quotation found = {.before = text};
	struct slice rest = text;
	size_t start = SIZE_MAX, end = text.len, next = text.len;
	wchar_t before = '\0';
	for (size_t i = 0; rest.len > 0 && i < WORDS_TEXT_MAX; i++) {
		size_t at = text.len - rest.len;
		wchar_t character = words_take_character(&rest);
		bool mark = is_quote(character) ||
			    is_single_quote(character, before, rest.len == 0, start != SIZE_MAX);
		before = character;
		if (start == SIZE_MAX) {
			found.has_picture |= is_picture(character);
			if (mark) {
				found.before.len = at;
				start = text.len - rest.len;
			}
			continue;
		}
		if (mark) {
			end = at;
			next = text.len - rest.len;
		}
	}
	if (start == SIZE_MAX)
		return false;
	found.quoted = (struct slice){text.ptr + start, end - start};
	found.after = slice_from(text, next);
	*out_quotation = found;
	return true;
}

static bool
begins_as_reaction(const wchar_t *spaced)
{
	return has(spaced, reactions, FIRST_WORDS) ||
	       has(spaced, reactions_without_spaces, FIRST_CHARACTERS);
}

/* Returns whether a telephone wrote the text around the quotation: it begins like a reaction, has a
 * picture before the quotation, or is a few words around a campaign's text. */
static bool
is_reaction(const struct quotation *quotation)
{
	wchar_t before[WORDS_ROOM], after[WORDS_ROOM], quoted[WORDS_ROOM];
	size_t count = words_space(quotation->before, WORDS_TEXT_MAX, before) +
		       words_space(quotation->after, WORDS_TEXT_MAX, after);
	words_strip_accents(before);
	words_strip_accents(after);

	if (count > OUTSIDE_WORDS_MAX)
		return false;
	if (begins_as_reaction(before) || begins_as_reaction(after))
		return true;

	words_space(quotation->quoted, WORDS_TEXT_MAX, quoted);
	words_strip_accents(quoted);
	bool speaks = has(before, speaking, WORDS) || has(after, speaking, WORDS);
	bool is_campaign_text =
	    has(quoted, invitations, WORDS) || has(quoted, invitations_without_spaces, CHARACTERS);
	bool has_picture = quotation->has_picture && (count > 0 || is_campaign_text);
	return !speaks && (has_picture || (count > 0 && is_campaign_text));
}

struct near_miss_text
near_miss_own_text(struct slice body)
{
	struct quotation quotation;
	struct near_miss_text own = {.parts = {body, SLICE_NONE}};
	if (find_quotation(body, &quotation) && is_reaction(&quotation)) {
		own.parts[0] = quotation.before;
		own.parts[1] = quotation.after;
	}
	return own;
}
