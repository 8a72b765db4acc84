-- Version 5: failed messages are listed in their order, and counted by provider, from one index.
CREATE INDEX message_failure ON message(id, error_code, tagset_id, provider_id, failed_us)
  WHERE outcome = 2;
