CREATE TABLE sites (
  code VARCHAR(40) COLLATE utf8mb4_0900_bin NOT NULL,
  name VARCHAR(200) NOT NULL,
  locale VARCHAR(10) COLLATE utf8mb4_0900_bin NOT NULL COMMENT 'BCP 47, as fr-FR',
  currency CHAR(3) COLLATE utf8mb4_0900_bin NOT NULL COMMENT 'ISO 4217',
  maintenance BOOLEAN NOT NULL DEFAULT FALSE,
  settings JSON NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (code),
  CONSTRAINT sites_code CHECK (code REGEXP '^[a-z0-9][a-z0-9-]*$'),
  CONSTRAINT sites_settings CHECK (JSON_TYPE(settings) = 'OBJECT')
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE site_hosts (
  host VARCHAR(253) COLLATE utf8mb4_0900_bin NOT NULL COMMENT 'in lower case, without port',
  site VARCHAR(40) COLLATE utf8mb4_0900_bin NOT NULL,
  PRIMARY KEY (host),
  KEY site_hosts_site (site),
  CONSTRAINT site_hosts_lower CHECK (host = LOWER(host)),
  CONSTRAINT site_hosts_site FOREIGN KEY (site) REFERENCES sites (code) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
