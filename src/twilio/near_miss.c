#include "near_miss.h"

#include "words.h"

#include <stdint.h>

/* A word that is common in its language, or a name in another one, counts only in a short text. */
#define SHORT 4
#define ALONE 2 /* the word, and perhaps a "please" */

#define PHRASE(text)                                       \
	{                                                  \
		SLICE_INIT(text), L" " text L" ", SIZE_MAX \
	}
#define PHRASE_IN(text, words)                          \
	{                                               \
		SLICE_INIT(text), L" " text L" ", words \
	}
/* For languages without spaces between words. */
#define CHARACTERS(text)                             \
	{                                            \
		SLICE_INIT(text), L"" text, SIZE_MAX \
	}

/* Each phrase, and the same as words_space writes it, without accents. In each language more
 * specific phrases come first, since the first match is shown. */
static const struct {
	struct slice phrase;
	const wchar_t *spaced;
	size_t words_max; /* longest text in which it counts, in words */
} near_misses[] = {
    PHRASE("please stop"),
    PHRASE("stop please"),
    PHRASE("stop texting"),
    PHRASE("stop messaging"),
    PHRASE("stop sending"),
    PHRASE("stop all"),
    PHRASE("opt out"),
    PHRASE("opt-out"),
    PHRASE("opt me out"),
    PHRASE("opting out"),
    PHRASE("unsubscribe me"),
    PHRASE("remove me"),
    PHRASE("remove us"),
    PHRASE("remove from"),
    PHRASE("remove my number"),
    PHRASE("remove my"),
    PHRASE("remove this number"),
    PHRASE("delete me"),
    PHRASE("delete my number"),
    PHRASE("delete my name"),
    PHRASE("lose my number"),
    PHRASE("take me off"),
    PHRASE("take me out"),
    PHRASE("off your list"),
    PHRASE("off this list"),
    PHRASE("off the list"),
    PHRASE("wrong number"),
    PHRASE("do not text"),
    {SLICE_INIT("don't text"), L" dont text ", SIZE_MAX},
    PHRASE("do not message"),
    {SLICE_INIT("don't message"), L" dont message ", SIZE_MAX},
    PHRASE("do not send"),
    {SLICE_INIT("don't send"), L" dont send ", SIZE_MAX},
    PHRASE("do not contact"),
    {SLICE_INIT("don't contact"), L" dont contact ", SIZE_MAX},
    PHRASE("quit texting"),
    PHRASE("quit messaging"),
    PHRASE("quit sending"),
    PHRASE("leave me alone"),
    PHRASE("no more messages"),
    PHRASE("no more texts"),
    PHRASE_IN("no more", SHORT),
    PHRASE("not interested"),
    {SLICE_INIT("STOP"), L" stop ", SIZE_MAX},
    {SLICE_INIT("STOPALL"), L" stopall ", SIZE_MAX},
    {SLICE_INIT("UNSUBSCRIBE"), L" unsubscribe ", SIZE_MAX},
    PHRASE("unsubscribed"),
    PHRASE("un-subscribe"),
    PHRASE("un subscribe"),
    PHRASE("unsuscribe"),
    PHRASE("unsubcribe"),
    PHRASE("unsubscibe"),
    PHRASE("unsub"),
    {SLICE_INIT("REVOKE"), L" revoke ", SIZE_MAX},
    {SLICE_INIT("OPTOUT"), L" optout ", SIZE_MAX},
    {SLICE_INIT("CANCEL"), L" cancel ", SHORT},
    {SLICE_INIT("END"), L" end ", SHORT},
    {SLICE_INIT("QUIT"), L" quit ", SHORT},
    {SLICE_INIT("REMOVE"), L" remove ", SHORT},
    {SLICE_INIT("DELETE"), L" delete ", SHORT},
    {SLICE_INIT("CEASE"), L" cease ", SHORT},

    /* French */
    PHRASE("desabonner"),
    PHRASE("desabonnez"),
    PHRASE("desabonne"),
    PHRASE("desabonnement"),
    PHRASE("desinscrire"),
    PHRASE("desinscription"),
    PHRASE("desinscrivez"),
    PHRASE("resilier"),
    PHRASE("arret"),
    PHRASE("arrett"),
    PHRASE("arreter"),
    PHRASE("arretez"),
    PHRASE("ne plus recevoir"),
    PHRASE("plus de messages"),
    PHRASE("plus de sms"),
    PHRASE("retirez moi"),
    PHRASE("retirez-moi"),
    PHRASE("supprimez mon"),
    PHRASE("mauvais numero"),
    PHRASE_IN("arrete", SHORT),
    PHRASE_IN("supprimer", SHORT),
    PHRASE_IN("annuler", SHORT),
    PHRASE_IN("fin", ALONE),

    /* Spanish */
    PHRASE("dar de baja"),
    PHRASE("darme de baja"),
    PHRASE("darse de baja"),
    PHRASE("deme de baja"),
    PHRASE("desuscribir"),
    PHRASE("desuscribirme"),
    PHRASE("desuscribirse"),
    PHRASE("anular suscripcion"),
    PHRASE("cancelar suscripcion"),
    PHRASE("no mas mensajes"),
    PHRASE("no me manden"),
    PHRASE("ya no quiero"),
    PHRASE_IN("no mas", SHORT),
    PHRASE_IN("anular", SHORT),
    PHRASE("no quiero mas"),
    PHRASE("no me escriban"),
    PHRASE("no me envien"),
    PHRASE("no molesten"),
    PHRASE("dejen de"),
    PHRASE("deje de"),
    PHRASE("numero equivocado"),
    PHRASE("borrenme"),
    PHRASE("eliminenme"),
    PHRASE("quitenme"),
    PHRASE_IN("baja", SHORT),
    PHRASE_IN("parar", SHORT), /* Portuguese, too */
    PHRASE_IN("para", ALONE),
    PHRASE_IN("paren", SHORT),
    PHRASE_IN("detener", SHORT),
    PHRASE_IN("cancelar", SHORT),
    PHRASE_IN("eliminar", SHORT),
    PHRASE_IN("borrar", SHORT),
    PHRASE_IN("quitar", SHORT),
    PHRASE_IN("terminar", SHORT),
    PHRASE_IN("alto", ALONE),
    PHRASE_IN("basta", ALONE),
    PHRASE_IN("salir", ALONE),

    /* Portuguese */
    PHRASE("descadastrar"),
    PHRASE("descadastre"),
    PHRASE("sair da lista"),
    PHRASE("nao quero mais"),
    PHRASE("nao quero receber"),
    PHRASE("pare de"),
    PHRASE("parem de"),
    PHRASE("me tira"),
    PHRASE("me tire"),
    PHRASE("numero errado"),
    PHRASE_IN("pare", ALONE),
    PHRASE_IN("chega", ALONE),
    PHRASE_IN("sair", SHORT),
    PHRASE_IN("remover", SHORT),
    PHRASE_IN("excluir", SHORT),

    /* Italian */
    PHRASE("disiscrivi"),
    PHRASE("disiscrivimi"),
    PHRASE("disiscrivermi"),
    PHRASE("disiscrizione"),
    PHRASE("cancellami"),
    PHRASE("cancellatemi"),
    PHRASE("rimuovimi"),
    PHRASE("toglimi"),
    PHRASE("numero sbagliato"),
    PHRASE_IN("cancella", SHORT),
    PHRASE_IN("annulla", SHORT),
    PHRASE_IN("rimuovi", SHORT),
    PHRASE_IN("disdici", SHORT),
    PHRASE("smettila"),
    PHRASE("smettetela"),

    /* German */
    PHRASE("stopp"),
    PHRASE("stoppen"),
    PHRASE("abmelden"),
    PHRASE("abmeldung"),
    PHRASE("abbestellen"),
    PHRASE("austragen"),
    PHRASE("keine sms"),
    PHRASE("keine nachrichten"),
    PHRASE("keine werbung"),
    PHRASE("falsche nummer"),
    PHRASE_IN("loschen", SHORT),
    PHRASE_IN("loeschen", SHORT),
    PHRASE_IN("kundigen", SHORT),
    PHRASE_IN("kuendigen", SHORT),
    PHRASE_IN("aufhoren", SHORT),
    PHRASE_IN("aufhoeren", SHORT),
    PHRASE_IN("abbrechen", SHORT),
    PHRASE_IN("nicht mehr", SHORT),

    /* Dutch */
    PHRASE("afmelden"),
    PHRASE("uitschrijven"),
    PHRASE("geen berichten"),
    PHRASE("geen sms"),
    PHRASE("stopzetten"),
    PHRASE("verkeerd nummer"),
    PHRASE_IN("verwijderen", SHORT),
    PHRASE_IN("verwijder", SHORT),

    /* Swedish, Danish, Norwegian, Finnish */
    PHRASE("avregistrera"),
    PHRASE("avprenumerera"),
    PHRASE("avsluta"),
    PHRASE("inga fler"),
    PHRASE("fel nummer"),
    PHRASE("afmeld"),
    PHRASE("frameld"),
    PHRASE("forkert nummer"),
    PHRASE("avmeld"),
    PHRASE("feil nummer"),
    PHRASE("lopeta"),
    PHRASE("lopettakaa"),
    PHRASE("peruuta"),
    PHRASE("vaara numero"),
    PHRASE("stoppa"),
    PHRASE_IN("sluta", SHORT),
    PHRASE_IN("slut", ALONE),
    PHRASE_IN("avslutt", SHORT),
    PHRASE_IN("seis", ALONE),

    /* Polish, Czech, Slovak, Hungarian, Romanian, Turkish */
    PHRASE("wypisz"),
    PHRASE("rezygnuje"),
    PHRASE("rezygnacja"),
    PHRASE("odsubskrybuj"),
    PHRASE("anuluj"),
    PHRASE("odhlasit"),
    PHRASE("odhlaste"),
    PHRASE("zrusit"),
    PHRASE("leiratkozas"),
    PHRASE("leiratkozom"),
    PHRASE("dezabonare"),
    PHRASE("dezaboneaza"),
    PHRASE("opreste"),
    PHRASE("uyelikten cik"),
    PHRASE("mesaj istemiyorum"),
    PHRASE("sms istemiyorum"),
    PHRASE("iptal"),
    PHRASE_IN("koniec", ALONE),
    PHRASE_IN("konec", ALONE),
    PHRASE_IN("dur", ALONE),
    PHRASE_IN("cik", ALONE),

    /* Russian, Ukrainian, Greek, Arabic, Hebrew, Hindi */
    PHRASE("стоп"),
    PHRASE("отписка"),
    PHRASE("отписаться"),
    PHRASE("отпишите"),
    PHRASE("отпишись"),
    PHRASE("отмена"),
    PHRASE("хватит"),
    PHRASE("не пишите"),
    PHRASE("не присылайте"),
    PHRASE("удалите"),
    PHRASE("відписатися"),
    PHRASE("відписатись"),
    PHRASE("στοπ"),
    PHRASE("σταματήστε"),
    PHRASE("σταματηστε"),
    PHRASE("διαγραφή"),
    PHRASE("διαγραφη"),
    PHRASE("إيقاف"),
    PHRASE("ايقاف"),
    PHRASE("توقف"),
    PHRASE("قف"),
    PHRASE("إلغاء"),
    PHRASE("الغاء"),
    PHRASE("הסר"),
    PHRASE("הסרה"),
    PHRASE("הסירו"),
    PHRASE("עצור"),
    PHRASE("रोकें"),
    PHRASE("बंद"),

    /* Indonesian, Malay, Filipino, Vietnamese */
    PHRASE("berhenti"),
    PHRASE("berhenti langganan"),
    PHRASE("itigil"),
    PHRASE("tigil"),
    PHRASE("tu choi"),
    PHRASE("huy dang ky"),
    PHRASE_IN("dung", ALONE),
    PHRASE_IN("huy", ALONE),

    /* Chinese, Japanese, Korean, Thai */
    PHRASE_IN("td", ALONE),
    CHARACTERS("退订"),
    CHARACTERS("退訂"),
    CHARACTERS("停止"),
    CHARACTERS("取消"),
    CHARACTERS("拒收"),
    CHARACTERS("不要再发"),
    CHARACTERS("不要再發"),
    CHARACTERS("解除"),
    CHARACTERS("ストップ"),
    CHARACTERS("やめて"),
    CHARACTERS("수신거부"),
    CHARACTERS("수신 거부"),
    CHARACTERS("중지"),
    CHARACTERS("그만"),
    CHARACTERS("หยุด"),
    CHARACTERS("ยกเลิก"),
};

struct slice
near_miss_find(struct slice text)
{
	wchar_t spaced[WORDS_ROOM];
	size_t words = words_space(text, WORDS_TEXT_MAX, spaced);
	words_strip_accents(spaced);
	for (size_t i = 0; i < sizeof near_misses / sizeof near_misses[0]; i++)
		if (words <= near_misses[i].words_max && wcsstr(spaced, near_misses[i].spaced))
			return near_misses[i].phrase;
	return SLICE_NONE;
}

/* --- reactions --- */

/* Beginnings of reactions in the languages of telephones, without accents. "Reacted 👍 to" and
 * "👍 to" are recognised by the picture. */
static const wchar_t *const reactions[] = {L" liked ", L" loved ", L" disliked ", L" laughed at ",
    L" emphasized ", L" emphasised ", L" questioned ", L" reacted ", L" removed ", L" added ",
    L" highlighted ", L" hearted ",
    /* Spanish and Portuguese */
    L" le gusto ", L" le gusta ", L" me gusta ", L" me gusto ", L" no le gusto ", L" no le gusta ",
    L" no me gusta ", L" le encanto ", L" le encanta ", L" me encanta ", L" me encanto ", L" amo ",
    L" se rio ", L" le dio risa ", L" le hizo gracia ", L" le divirtio ", L" enfatizo ",
    L" destaco ", L" resalto ", L" exclamo ", L" cuestiono ", L" pregunto ", L" reacciono ",
    L" elimino ", L" quito ", L" curtiu ", L" gostou ", L" amou ", L" adorou ", L" nao curtiu ",
    L" nao gostou ", L" riu ", L" rachou ", L" enfatizou ", L" destacou ", L" questionou ",
    L" reagiu ", L" removeu ",
    /* French and Italian */
    L" aime ", L" a aime ", L" jaime ", L" naime pas ", L" na pas aime ", L" adore ", L" a adore ",
    L" jadore ", L" a ri ", L" rit ", L" rigole ", L" a mis ", L" a souligne ", L" a insiste ",
    L" insiste ", L" a questionne ", L" a reagi ", L" reagit ", L" a supprime ", L" a retire ",
    L" piace ", L" mi piace ", L" non piace ", L" ha messo ", L" ha adorato ", L" adora ",
    L" ha riso ", L" ride ", L" ha enfatizzato ", L" ha evidenziato ", L" ha contestato ",
    L" ha reagito ", L" ha rimosso ", L" ha aggiunto ", L" ha espresso ",
    /* German and Dutch */
    L" gefallt ", L" gefaellt ", L" mir gefallt ", L" gefiel ", L" gefallt nicht ", L" liebt ",
    L" mag ", L" hat ", L" lacht ", L" lachte ", L" betont ", L" betonte ", L" hinterfragt ",
    L" hinterfragte ", L" reagiert ", L" reagierte ", L" vindt ", L" vond ", L" heeft ",
    L" lachte om ", L" benadrukt ", L" benadrukte ", L" reageerde ",
    /* Swedish, Danish, Norwegian, Finnish */
    L" gillade ", L" gillar ", L" alskade ", L" alskar ", L" ogillade ", L" skrattade ",
    L" betonade ", L" ifragasatte ", L" reagerade ", L" synes godt om ", L" kunne lide ",
    L" elskede ", L" reagerede ", L" likte ", L" liker ", L" elsket ", L" elsker ", L" reagerte ",
    L" tykkasi ", L" rakasti ", L" nauroi ", L" reagoi ",
    /* Polish, Turkish, Russian */
    L" polubiono ", L" polubil ", L" polubila ", L" lubi ", L" uwielbia ", L" kocha ",
    L" zareagowal ", L" begendi ", L" bayildi ", L" guldu ", L" понравилось ", L" нравится ",
    L" не понравилось ", L" не нравится ", L" рассмешило ", L" реакция ",
    /* Chinese, Japanese, Korean: no space follows, or it follows the quotation */
    L" 赞了", L" 讚", L" 喜欢", L" 喜歡", L" 爱", L" 對", L" 对", L" に", L" を", L" 을 를",
    L" 에"};

/* Words of a person who quotes: I said "stop". */
static const wchar_t *const speaking[] = {L" i ", L" im ", L" ive ", L" you ", L" we ", L" my ",
    L" said ", L" says ", L" say ", L" told ", L" asked ", L" wrote ", L" texted ", L" please ",
    L" yo ", L" je ", L" ich ", L" eu "};

#define OUTSIDE_WORDS_MAX 6 /* words of a reaction: "Removed a question mark from" has 5 */

/* Words that identify a quotation as a campaign's text. */
static const wchar_t *const invitations[] = {L" reply ", L" text stop ", L" txt stop ",
    L" send stop ", L" msg stop ", L" to opt out ", L" to opt-out ", L" to end ", L" to stop ",
    L" to cancel ", L" to quit ", L" to unsubscribe ", L" responde ", L" responda ", L" envia ",
    L" envie ", L" contesta ", L" envoyez ", L" repondez ", L" stop au ", L" antworte ",
    L" antworten ", L" sende ", L" senden ", L" rispondi ", L" invia ", L" antwoord ", L" svara ",
    L" svar ", L" odpisz ", L" wyslij ", L" ответьте ", L" отправьте ", L"回复", L"回覆", L"返信"};

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

static bool
contains_any(const wchar_t *spaced, const wchar_t *const words[], size_t count, bool at_start)
{
	for (size_t i = 0; i < count; i++) {
		const wchar_t *found = wcsstr(spaced, words[i]);
		if (found != NULL && (!at_start || found == spaced))
			return true;
	}
	return false;
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
	size_t reaction_count = sizeof reactions / sizeof reactions[0];
	size_t speaking_count = sizeof speaking / sizeof speaking[0];
	size_t invitation_count = sizeof invitations / sizeof invitations[0];

	if (count > OUTSIDE_WORDS_MAX)
		return false;
	if (contains_any(before, reactions, reaction_count, true) ||
	    contains_any(after, reactions, reaction_count, true))
		return true;

	words_space(quotation->quoted, WORDS_TEXT_MAX, quoted);
	words_strip_accents(quoted);
	bool speaks = contains_any(before, speaking, speaking_count, false) ||
		      contains_any(after, speaking, speaking_count, false);
	bool is_campaign_text = contains_any(quoted, invitations, invitation_count, false);
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
