-- A session is a family of refresh tokens, each good for one use; only their hashes are kept.
CREATE TABLE sessions (
  id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL,
  user_id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL,
  created_at DATETIME(6) NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  revoked_at DATETIME(6) NULL,
  PRIMARY KEY (id),
  KEY sessions_expiry (expires_at),
  CONSTRAINT sessions_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE refresh_tokens (
  token_hash CHAR(64) COLLATE utf8mb4_0900_bin NOT NULL COMMENT 'SHA-256, hexadecimal',
  session_id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL,
  access_token_id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL COMMENT 'jti of the access token given with it',
  access_honoured_until DATETIME(6) NOT NULL COMMENT 'its end, and a leeway for clocks',
  expires_at DATETIME(6) NOT NULL,
  used_at DATETIME(6) NULL,
  used_by VARCHAR(255) COLLATE utf8mb4_0900_bin NULL COMMENT 'message id of the call that used it',
  PRIMARY KEY (token_hash),
  UNIQUE KEY refresh_tokens_access (access_token_id),
  KEY refresh_tokens_expiry (expires_at),
  CONSTRAINT refresh_tokens_used CHECK ((used_at IS NULL) = (used_by IS NULL)),
  CONSTRAINT refresh_tokens_session FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE revocations (
  token_id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  PRIMARY KEY (token_id),
  KEY revocations_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
