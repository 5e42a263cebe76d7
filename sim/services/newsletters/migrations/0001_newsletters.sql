-- A row of sites is what the last site.changed said: the sender's name.
CREATE TABLE sites (
    site VARCHAR(40) NOT NULL PRIMARY KEY,
    name VARCHAR(200) NOT NULL,
    said_at DECIMAL(16, 6) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE subscribers (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    subscriber_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    email VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    name VARCHAR(120) NOT NULL,
    locale VARCHAR(5) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    state VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'pending',
    confirm_token CHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    unsubscribe_token CHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    invited_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    UNIQUE KEY subscribers_subscriber_id (subscriber_id),
    UNIQUE KEY subscribers_email (email),
    UNIQUE KEY subscribers_confirm (confirm_token),
    UNIQUE KEY subscribers_unsubscribe (unsubscribe_token),
    KEY subscribers_in_state (state, number),
    CONSTRAINT subscribers_email_given CHECK (email <> ''),
    CONSTRAINT subscribers_state CHECK (state IN ('pending', 'confirmed', 'unsubscribed'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE subscriber_topics (
    subscriber BIGINT UNSIGNED NOT NULL,
    topic VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (subscriber, topic),
    KEY subscriber_topics_topic (topic, subscriber),
    CONSTRAINT subscriber_topics_subscriber FOREIGN KEY (subscriber) REFERENCES subscribers (number) ON DELETE CASCADE
) ENGINE = InnoDB;

-- A template's row is what a new version locks, so that versions have no gaps and no doubles.
CREATE TABLE templates (
    name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    version INT UNSIGNED NOT NULL DEFAULT 0
) ENGINE = InnoDB;

-- The HTML is kept here too, so that mails go on while the bucket is away. Whether the bucket has it is told by "in_bucket".
CREATE TABLE template_versions (
    name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    version INT UNSIGNED NOT NULL,
    subject VARCHAR(200) NOT NULL,
    html MEDIUMTEXT NOT NULL,
    text MEDIUMTEXT NOT NULL,
    in_bucket BOOLEAN NOT NULL DEFAULT FALSE,
    created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    PRIMARY KEY (name, version),
    KEY template_versions_to_store (in_bucket),
    CONSTRAINT template_versions_template FOREIGN KEY (name) REFERENCES templates (name),
    CONSTRAINT template_versions_from_one CHECK (version >= 1)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Sending reads subscribers in order of their numbers. Reached is the last one read, up to the last one there was.
CREATE TABLE campaigns (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    campaign_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    template VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    template_version INT UNSIGNED NULL,
    topic VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    locale VARCHAR(5) CHARACTER SET ascii COLLATE ascii_bin NULL,
    state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'draft',
    reached BIGINT UNSIGNED NOT NULL DEFAULT 0,
    last_subscriber BIGINT UNSIGNED NOT NULL DEFAULT 0,
    recipients INT UNSIGNED NOT NULL DEFAULT 0,
    sent INT UNSIGNED NOT NULL DEFAULT 0,
    created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    sent_at DATETIME(6) NULL,
    UNIQUE KEY campaigns_campaign_id (campaign_id),
    KEY campaigns_in_state (state, number),
    CONSTRAINT campaigns_template FOREIGN KEY (template) REFERENCES templates (name),
    CONSTRAINT campaigns_version FOREIGN KEY (template, template_version) REFERENCES template_versions (name, version),
    CONSTRAINT campaigns_state CHECK (state IN ('draft', 'sending', 'sent')),
    CONSTRAINT campaigns_pinned CHECK (state = 'draft' OR template_version IS NOT NULL)
) ENGINE = InnoDB;

-- The mails written. One of a kind about one thing to one address, where "part" tells several answers on a ticket apart.
-- The HTML of a mail is its template version with its variables.
CREATE TABLE messages (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    message_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reference VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    template VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    template_version INT UNSIGNED NOT NULL,
    email VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    part VARCHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    sender VARCHAR(200) NOT NULL,
    subject VARCHAR(1000) NOT NULL,
    text MEDIUMTEXT NOT NULL,
    variables JSON NOT NULL,
    created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    UNIQUE KEY messages_message_id (message_id),
    UNIQUE KEY messages_once (reference, template, email, part),
    KEY messages_to (email, number),
    KEY messages_from (template, template_version),
    CONSTRAINT messages_template FOREIGN KEY (template, template_version) REFERENCES template_versions (name, version)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
