/* reader_handle: the connection inside a reader, for the store's own files. */
#ifndef DLRD_STORE_READER_HANDLE_H
#define DLRD_STORE_READER_HANDLE_H

#include "dlrd/store/reader.h"

#include <sqlite3.h>

sqlite3 *store_reader_handle(struct store_reader *reader);

#endif
