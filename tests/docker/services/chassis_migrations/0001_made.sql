-- What requests and events have made; nothing but the inbox keeps a name from being made twice.
CREATE TABLE made (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  name VARCHAR(64) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE TABLE counters (
  name VARCHAR(8) NOT NULL,
  value INT NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB;

INSERT INTO counters (name, value) VALUES ('a', 0), ('b', 0);
