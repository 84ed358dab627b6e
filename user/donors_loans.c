// SPDX-License-Identifier: BSD-2-Clause
/* Owns who owes whom how much: no allocation, no wait, and it never touches a limit. */
#include "user/donors.h"

static void drop_loan(struct donors *donors, size_t i)
{
	donors->loans[i] = donors->loans[--donors->loans_cnt];
}

static void pay(struct donors *donors, uint64_t lender_id, uint64_t borrower_id, uint64_t bytes)
{
	for (size_t i = donors->loans_cnt; i-- > 0 && bytes;) {
		struct loan *loan = &donors->loans[i];
		uint64_t part = loan->bytes < bytes ? loan->bytes : bytes;

		if (loan->lender_id != lender_id ||
		    (borrower_id && loan->borrower_id != borrower_id))
			continue;
		bytes -= part;
		loan->bytes -= part;
		if (!loan->bytes)
			drop_loan(donors, i);
	}
}

static void lend(struct donors *donors, uint64_t lender_id, uint64_t borrower_id, uint64_t bytes,
		 bool is_of_parent)
{
	for (size_t i = 0; i < donors->loans_cnt; i++) {
		struct loan *loan = &donors->loans[i];

		if (loan->lender_id == lender_id && loan->borrower_id == borrower_id) {
			loan->bytes += bytes;
			loan->is_of_parent |= is_of_parent;
			return;
		}
	}
	if (donors->loans_cnt < DONORS_LOANS_MAX)
		donors->loans[donors->loans_cnt++] =
			(struct loan){lender_id, borrower_id, bytes, is_of_parent};
}

void donors__keep(struct donors *donors, const struct group *receiver, const struct taking *taking)
{
	for (size_t i = 0; i < taking->cnt; i++) {
		const struct donation *donation = &taking->donations[i];

		if (donation->is_repayment)
			pay(donors, receiver->id, donation->id, donation->bytes);
		else
			lend(donors, donation->id, receiver->id, donation->bytes,
			     taking->is_of_parent);
	}
}

uint64_t donors__lent(const struct donors *donors, uint64_t id)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < donors->loans_cnt; i++)
		if (donors->loans[i].lender_id == id)
			bytes += donors->loans[i].bytes;
	return bytes;
}

void donors__rose(struct donors *donors, uint64_t id, uint64_t bytes)
{
	pay(donors, id, 0, bytes);
}
