-- Know of which arrivals the run failed, and of which files nothing is left.
ALTER TABLE arrivals ADD COLUMN failed TEXT;
ALTER TABLE arrivals ADD COLUMN gone TEXT;
CREATE INDEX arrivals_failed ON arrivals (failed) WHERE failed IS NOT NULL;
CREATE INDEX arrivals_gone ON arrivals (gone) WHERE gone IS NOT NULL;
