-- A customer's book. Its row is what changes to the book lock, and the default stands here, so there is never a second.
CREATE TABLE books (
    user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    default_address_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL
) ENGINE = InnoDB;

CREATE TABLE addresses (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    address_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    recipient VARCHAR(120) NOT NULL,
    line1 VARCHAR(160) NOT NULL,
    line2 VARCHAR(160) NOT NULL,
    postal_code VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    city VARCHAR(100) NOT NULL,
    country CHAR(2) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    updated_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    UNIQUE KEY addresses_address_id (address_id),
    KEY addresses_of_user (user_id, number),
    CONSTRAINT addresses_book FOREIGN KEY (user_id) REFERENCES books (user_id),
    CONSTRAINT addresses_recipient CHECK (recipient <> ''),
    CONSTRAINT addresses_line1 CHECK (line1 <> ''),
    CONSTRAINT addresses_city CHECK (city <> ''),
    CONSTRAINT addresses_country CHECK (REGEXP_LIKE(country, '^[A-Z]{2}$', 'c'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

ALTER TABLE books
    ADD CONSTRAINT books_default FOREIGN KEY (default_address_id) REFERENCES addresses (address_id) ON DELETE SET NULL;
