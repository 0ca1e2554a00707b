-- Tells this database from every other, by whatever name it is reached.
CREATE TABLE database_identity (id text NOT NULL);
INSERT INTO database_identity (id) VALUES (md5(random()::text || random()::text || clock_timestamp()::text));
