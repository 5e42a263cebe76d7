CREATE TABLE questions (
  id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL,
  slug VARCHAR(100) COLLATE utf8mb4_0900_bin NOT NULL,
  category VARCHAR(60) COLLATE utf8mb4_0900_bin NOT NULL,
  question VARCHAR(300) NOT NULL,
  answer TEXT NOT NULL COMMENT '10,000 characters of 4 bytes fit',
  position INT UNSIGNED NOT NULL DEFAULT 0,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY questions_slug (slug),
  KEY questions_category (category, position),
  KEY questions_order (position, slug),
  FULLTEXT KEY questions_words (question, answer)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE votes (
  question_id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL,
  user_id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL COMMENT 'of auth, another database',
  helpful BOOLEAN NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (question_id, user_id),
  CONSTRAINT votes_question FOREIGN KEY (question_id) REFERENCES questions (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
