CREATE TABLE forms (
  number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'order of arrival',
  id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL,
  name VARCHAR(200) NOT NULL,
  email VARCHAR(254) COLLATE utf8mb4_0900_bin NOT NULL,
  topic VARCHAR(20) COLLATE utf8mb4_0900_bin NOT NULL,
  subject VARCHAR(200) NOT NULL,
  message TEXT NOT NULL COMMENT '5,000 characters of 4 bytes fit',
  state VARCHAR(20) COLLATE utf8mb4_0900_bin NOT NULL DEFAULT 'open',
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (number),
  UNIQUE KEY forms_id (id),
  KEY forms_state (state, topic),
  CONSTRAINT forms_topic CHECK (topic IN ('question', 'support', 'partnership', 'other')),
  CONSTRAINT forms_state_known CHECK (state IN ('open', 'answered', 'closed'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
