-- SQLite cannot make a column NOT NULL without writing the whole table again.
CREATE TRIGGER instances_locked_inserted BEFORE INSERT ON instances WHEN NEW.locked IS NULL
BEGIN
    SELECT RAISE(ABORT, 'NOT NULL constraint failed: instances.locked');
END;
CREATE TRIGGER instances_locked_updated BEFORE UPDATE ON instances WHEN NEW.locked IS NULL
BEGIN
    SELECT RAISE(ABORT, 'NOT NULL constraint failed: instances.locked');
END;
