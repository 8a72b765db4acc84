#include "dlrd/base/result.h"

#include <stdarg.h>
#include <stdio.h>

const char *
result_text(enum result result)
{
	switch (result) {
	case RESULT_OK: return "ok";
	case RESULT_NO_MEMORY: return "no memory";
	case RESULT_INVALID: return "invalid input";
	case RESULT_LIMIT: return "over a limit";
	case RESULT_NOT_FOUND: return "not found";
	case RESULT_BUSY: return "held by another process";
	case RESULT_FULL: return "no space left";
	case RESULT_IO: return "input/output error";
	case RESULT_CORRUPT: return "corrupt data";
	}
	return "unknown result";
}

enum result
failure_set(struct failure *failure, enum result result, const char *format, ...)
{
	if (failure == NULL)
		return result;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(failure->text, sizeof failure->text, format, arguments);
	va_end(arguments);
	return result;
}
