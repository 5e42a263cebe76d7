-- One row an order, also of orders that get no delivery: the unique key is where "placed" and "cancelled" meet, in
-- whichever order they arrive.
CREATE TABLE deliveries (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    delivery_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    order_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    carrier VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    tracking_code VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    reason VARCHAR(500) NULL,
    recall_reason VARCHAR(500) NULL,
    recipient VARCHAR(400) NULL,
    line1 VARCHAR(400) NULL,
    line2 VARCHAR(400) NULL,
    postal_code VARCHAR(32) NULL,
    city VARCHAR(400) NULL,
    country CHAR(2) CHARACTER SET ascii COLLATE ascii_bin NULL,
    created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    updated_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    UNIQUE KEY deliveries_delivery_id (delivery_id),
    UNIQUE KEY deliveries_one_an_order (order_id),
    UNIQUE KEY deliveries_tracking_code (tracking_code),
    KEY deliveries_of_user (user_id, number),
    KEY deliveries_in_state (state, number),
    CONSTRAINT deliveries_state CHECK (
        state IN ('created', 'shipped', 'in-transit', 'delivered', 'returned', 'cancelled', 'refused')
    ),
    CONSTRAINT deliveries_tracked CHECK (
        state IN ('cancelled', 'refused')
        OR (carrier IS NOT NULL AND tracking_code IS NOT NULL AND country IS NOT NULL)
    ),
    CONSTRAINT deliveries_explained CHECK ((state IN ('cancelled', 'refused')) = (reason IS NOT NULL)),
    CONSTRAINT deliveries_recalled CHECK (
        recall_reason IS NULL OR state IN ('shipped', 'in-transit', 'delivered', 'returned')
    )
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE delivery_lines (
    delivery_number BIGINT UNSIGNED NOT NULL,
    position SMALLINT UNSIGNED NOT NULL,
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    quantity INT UNSIGNED NOT NULL,
    PRIMARY KEY (delivery_number, position),
    CONSTRAINT delivery_lines_delivery FOREIGN KEY (delivery_number) REFERENCES deliveries (number) ON DELETE CASCADE,
    CONSTRAINT delivery_lines_quantity CHECK (quantity > 0)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE delivery_events (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    delivery_number BIGINT UNSIGNED NOT NULL,
    state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    location VARCHAR(120) NOT NULL DEFAULT '',
    note VARCHAR(500) NOT NULL DEFAULT '',
    actor VARCHAR(64) NOT NULL,
    at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    KEY delivery_events_of (delivery_number, number),
    CONSTRAINT delivery_events_delivery FOREIGN KEY (delivery_number) REFERENCES deliveries (number) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
