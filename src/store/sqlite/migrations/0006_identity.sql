-- Tells this database from every other, by whatever name it is reached.
CREATE TABLE database_identity (id TEXT NOT NULL) STRICT;
INSERT INTO database_identity (id) VALUES (lower(hex(randomblob(16))));
