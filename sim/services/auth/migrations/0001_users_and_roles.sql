-- The Spatie model: users have roles, roles have permissions, a user may hold permissions directly, each of one guard.
-- Identifiers are utf8mb4 like everything else: MySQL refuses to compare an ascii column with text that is not (3854).
CREATE TABLE users (
  id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL,
  email VARCHAR(254) COLLATE utf8mb4_0900_bin NOT NULL COMMENT 'in lower case',
  name VARCHAR(200) NOT NULL,
  password_hash VARCHAR(255) COLLATE utf8mb4_0900_bin NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY users_email (email),
  CONSTRAINT users_email_lower CHECK (email = LOWER(email))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE guards (
  name VARCHAR(40) COLLATE utf8mb4_0900_bin NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

INSERT INTO guards (name) VALUES ('api');

CREATE TABLE permissions (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) COLLATE utf8mb4_0900_bin NOT NULL,
  guard_name VARCHAR(40) COLLATE utf8mb4_0900_bin NOT NULL,
  description VARCHAR(255) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY permissions_name (name, guard_name),
  CONSTRAINT permissions_guard FOREIGN KEY (guard_name) REFERENCES guards (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE roles (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) COLLATE utf8mb4_0900_bin NOT NULL,
  guard_name VARCHAR(40) COLLATE utf8mb4_0900_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY roles_name (name, guard_name),
  CONSTRAINT roles_guard FOREIGN KEY (guard_name) REFERENCES guards (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE role_has_permissions (
  role_id BIGINT UNSIGNED NOT NULL,
  permission_id BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (role_id, permission_id),
  CONSTRAINT role_has_permissions_role FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE CASCADE,
  CONSTRAINT role_has_permissions_permission FOREIGN KEY (permission_id) REFERENCES permissions (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE model_has_roles (
  role_id BIGINT UNSIGNED NOT NULL,
  model_type VARCHAR(40) COLLATE utf8mb4_0900_bin NOT NULL DEFAULT 'user',
  model_id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL,
  PRIMARY KEY (model_id, role_id),
  CONSTRAINT model_has_roles_type CHECK (model_type = 'user'),
  CONSTRAINT model_has_roles_role FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE CASCADE,
  CONSTRAINT model_has_roles_user FOREIGN KEY (model_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE model_has_permissions (
  permission_id BIGINT UNSIGNED NOT NULL,
  model_type VARCHAR(40) COLLATE utf8mb4_0900_bin NOT NULL DEFAULT 'user',
  model_id CHAR(36) COLLATE utf8mb4_0900_bin NOT NULL,
  PRIMARY KEY (model_id, permission_id),
  CONSTRAINT model_has_permissions_type CHECK (model_type = 'user'),
  CONSTRAINT model_has_permissions_permission FOREIGN KEY (permission_id) REFERENCES permissions (id) ON DELETE CASCADE,
  CONSTRAINT model_has_permissions_user FOREIGN KEY (model_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
