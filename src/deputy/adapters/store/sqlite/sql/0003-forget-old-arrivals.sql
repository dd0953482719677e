-- Find arrivals that are over by their age.
CREATE INDEX arrivals_over ON arrivals (at) WHERE state IN ('over', 'skipped');
