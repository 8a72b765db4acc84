#include "words.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

/* Unicode's properties of characters, independent of the locale of the process. Made once and never
 * freed, since matching needs it until the process ends. NULL if the system does not have it. */
static locale_t unicode;
static pthread_once_t unicode_once = PTHREAD_ONCE_INIT;

static void
make_unicode(void)
{
	unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

bool
words_know_unicode(void)
{
	pthread_once(&unicode_once, make_unicode);
	return unicode != (locale_t)0;
}

wchar_t
words_take_character(struct slice *rest)
{
	size_t len = slice_utf8_len(*rest);
	unsigned first = (unsigned char)rest->ptr[0];
	unsigned character = len == 0   ? 0xdc00 + first
			     : len == 1 ? first
					: first & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
		character = character << 6 | ((unsigned char)rest->ptr[i] & 0x3f);
	*rest = slice_from(*rest, len == 0 ? 1 : len);
	return (wchar_t)character;
}

wchar_t
words_fold(wchar_t character)
{
	if (character >= 'A' && character <= 'Z')
		return character + ('a' - 'A');
	if (character < 0x80 || character == 0x130 || character == 0x131 || !words_know_unicode())
		return character;
	return (wchar_t)towlower_l(towupper_l((wint_t)character, unicode), unicode);
}

/* Accents that are separate characters. */
static bool
is_combining(wchar_t character)
{
	return character >= 0x300 && character <= 0x36f;
}

static bool
is_in_word(wchar_t character)
{
	if (character < 0x80)
		return (character >= '0' && character <= '9') ||
		       (character >= 'a' && character <= 'z');
	if (is_combining(character))
		return true;
	return !words_know_unicode() ? character >= 0xc0 && character < 0xd800
				     : iswalnum_l((wint_t)character, unicode) != 0;
}

static bool
is_apostrophe(wchar_t character)
{
	return character == '\'' || character == 0x2018 || character == 0x2019 ||
	       character == 0x2bc;
}

static bool
is_hyphen(wchar_t character)
{
	return character == '-' || character == 0x2010 || character == 0x2011;
}

size_t
words_space(struct slice text, size_t max, wchar_t *out)
{
	size_t len = 0, words = 0, hyphens = 0;
	out[len++] = ' ';
	for (; text.len > 0 && max > 0; max--) {
		wchar_t character = words_fold(words_take_character(&text));
		bool begun = out[len - 1] != ' ';
		if (is_apostrophe(character))
			continue;
		if (is_hyphen(character)) {
			hyphens++;
			continue;
		}
		if (begun && (hyphens > 0 || !is_in_word(character)))
			out[len++] = hyphens == 1 && is_in_word(character) ? '-' : ' ';
		hyphens = 0;
		if (!is_in_word(character))
			continue;
		words += out[len - 1] == ' ';
		out[len++] = character;
	}
	if (out[len - 1] != ' ')
		out[len++] = ' ';
	out[len] = '\0';
	return words;
}

/* U+00E0 to U+017F without accents. Ligatures become their first letter. */
static const char latin[] = "aaaaaaaceeeeiiiidnooooo ouuuuyty"
			    "aaaaaaccccccccddddeeeeeeeeeegggg"
			    "gggghhhhiiiiiiiiiiiijjkkklllllll"
			    "lllnnnnnnnnnoooooooorrrrrrssssss"
			    "ssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/* Vietnamese letters with two accents: the last code point of each base letter. */
static const struct {
	wchar_t last;
	char letter;
} vietnamese[] = {
    {0x1eb7, 'a'}, {0x1ec7, 'e'}, {0x1ecb, 'i'}, {0x1ee3, 'o'}, {0x1ef1, 'u'}, {0x1ef9, 'y'}};

static wchar_t
without_accent(wchar_t character)
{
	if (character >= 0xe0 && character <= 0x17f && character != 0xf7)
		return latin[character - 0xe0];
	if (character == 0x1a1)
		return 'o';
	if (character == 0x1b0)
		return 'u';
	for (size_t i = 0; character >= 0x1ea0 && i < sizeof vietnamese / sizeof vietnamese[0]; i++)
		if (character <= vietnamese[i].last)
			return vietnamese[i].letter;
	return character;
}

void
words_strip_accents(wchar_t *text)
{
	wchar_t *out = text;
	for (; *text != '\0'; text++)
		if (!is_combining(*text))
			*out++ = without_accent(*text);
	*out = '\0';
}
