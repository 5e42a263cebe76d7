-- A ticket that a contact form opened has a form and no user. The number orders tickets by arrival.
CREATE TABLE tickets (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    ticket_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    form_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    order_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    assignee CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    email VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    subject VARCHAR(200) NOT NULL,
    state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'open',
    created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    updated_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    UNIQUE KEY tickets_ticket_id (ticket_id),
    UNIQUE KEY tickets_form (form_id),
    KEY tickets_of_user (user_id, number),
    KEY tickets_in_state (state, number),
    KEY tickets_of_email (email, number),
    CONSTRAINT tickets_from CHECK ((user_id IS NULL) <> (form_id IS NULL)),
    CONSTRAINT tickets_email CHECK (email <> ''),
    CONSTRAINT tickets_subject CHECK (subject <> ''),
    CONSTRAINT tickets_state CHECK (state IN ('open', 'pending', 'resolved', 'closed'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE messages (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    message_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ticket BIGINT UNSIGNED NOT NULL,
    author VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    author_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    message TEXT NOT NULL,
    created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    UNIQUE KEY messages_message_id (message_id),
    KEY messages_of_ticket (ticket, number),
    CONSTRAINT messages_ticket FOREIGN KEY (ticket) REFERENCES tickets (number) ON DELETE CASCADE,
    CONSTRAINT messages_author CHECK (author IN ('customer', 'staff')),
    CONSTRAINT messages_staff_is_known CHECK (author = 'customer' OR author_id IS NOT NULL)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- What was announced. It is stored once the object was seen in the bucket with the size announced.
CREATE TABLE attachments (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    attachment_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ticket BIGINT UNSIGNED NOT NULL,
    author_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    file_name VARCHAR(200) NOT NULL,
    content_type VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    size_bytes INT UNSIGNED NOT NULL,
    created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    stored_at DATETIME(6) NULL,
    UNIQUE KEY attachments_attachment_id (attachment_id),
    KEY attachments_of_ticket (ticket, number),
    CONSTRAINT attachments_ticket FOREIGN KEY (ticket) REFERENCES tickets (number) ON DELETE CASCADE,
    CONSTRAINT attachments_size CHECK (size_bytes BETWEEN 1 AND 10485760)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
