-- Three more kinds of movements of money. No function of this transaction uses the values before it ends.
alter type public.billing_intent_kind add value if not exists 'void_invoice';        -- an invoice is not owed any more
alter type public.billing_intent_kind add value if not exists 'mark_uncollectible';  -- an invoice is written off
alter type public.billing_intent_kind add value if not exists 'credit_grant';        -- credit for metered prices
