/* open_tables: opens and closes the tables of a store, on a connection of SQLite.
 *
 * The contracts of the tables (dlrd/engine/) do not name SQLite, so these functions are here. A
 * table belongs to the thread of its connection, and is closed before it. After a failure there is
 * nothing to close. The close functions accept NULL. */
#pragma once

#include "dlrd/base/result.h"

#include <sqlite3.h>

struct block_table;
struct consent_table;
struct figure_table;
struct lookup_table;
struct messages;
struct names;
struct person_table;
struct receipt_table;
struct reply_table;
struct signature_table;
struct tables;
struct upkeep_table;

/* Opens all tables. *out_tables must be closed also after a failure. A connection that only reads
 * has no table to write. */
must_check enum result tables_open(sqlite3 *db, struct tables *out_tables);

/* Accepts a struct of zeros. */
void tables_close(struct tables *tables);

/* Repairs stored names that are not UTF-8: older versions stored them as they came. A name stays as
 * it is if its repaired form is another campaign's or variant's name already, and until the next
 * start if the file cannot be written now. On the connection that writes. */
void names_repair(sqlite3 *db);

must_check enum result block_table_open(sqlite3 *db, struct block_table **out_table);
void block_table_close(struct block_table *table);

must_check enum result consent_table_open(sqlite3 *db, struct consent_table **out_table);
void consent_table_close(struct consent_table *table);

must_check enum result figure_table_open(sqlite3 *db, struct figure_table **out_table);
void figure_table_close(struct figure_table *table);

must_check enum result lookup_table_open(sqlite3 *db, struct lookup_table **out_table);
void lookup_table_close(struct lookup_table *table);

must_check enum result messages_open(sqlite3 *db, struct messages **out_messages);
void messages_close(struct messages *messages);

must_check enum result names_open(sqlite3 *db, struct names **out_names);
void names_close(struct names *names);

must_check enum result person_table_open(sqlite3 *db, struct person_table **out_table);
void person_table_close(struct person_table *table);

must_check enum result receipt_table_open(sqlite3 *db, struct receipt_table **out_table);
void receipt_table_close(struct receipt_table *table);

must_check enum result reply_table_open(sqlite3 *db, struct reply_table **out_table);
void reply_table_close(struct reply_table *table);

must_check enum result signature_table_open(sqlite3 *db, struct signature_table **out_table);
void signature_table_close(struct signature_table *table);

must_check enum result upkeep_table_open(sqlite3 *db, struct upkeep_table **out_table);
void upkeep_table_close(struct upkeep_table *table);
