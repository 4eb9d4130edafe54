-- Version 8: a call tells whether its box's clock had been set when it was recorded; null for those that came
-- before.
ALTER TABLE call ADD COLUMN clock_trusted INTEGER;
