CREATE TABLE orders (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    order_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    email VARCHAR(320) NOT NULL,
    state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'placed',
    shipment VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
    cancel_reason VARCHAR(500) NULL,
    settled BOOLEAN NOT NULL DEFAULT FALSE,
    version INT UNSIGNED NOT NULL DEFAULT 1,
    basket_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    basket_version BIGINT NOT NULL,
    total_cents BIGINT UNSIGNED NOT NULL,
    currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    delivery_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
    tracking_code VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    placed_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    updated_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    UNIQUE KEY orders_order_id (order_id),
    -- What lies in a basket is bought once, however often its owner clicks before it is emptied.
    UNIQUE KEY orders_basket_once (basket_id, basket_version),
    KEY orders_of_user (user_id, number),
    KEY orders_in_state (state, number),
    KEY orders_unsettled (settled, updated_at),
    CONSTRAINT orders_state CHECK (state IN ('placed', 'confirmed', 'shipped', 'delivered', 'closed', 'cancelled')),
    CONSTRAINT orders_cancelled CHECK ((state = 'cancelled') = (cancel_reason IS NOT NULL)),
    CONSTRAINT orders_settled CHECK (NOT settled OR state <> 'placed')
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 AUTO_INCREMENT = 100001;

-- What was bought, at the price it was reserved at: later changes of the catalogue are no business of an order.
CREATE TABLE order_lines (
    order_number BIGINT UNSIGNED NOT NULL,
    position SMALLINT UNSIGNED NOT NULL,
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(500) NOT NULL,
    quantity INT UNSIGNED NOT NULL,
    unit_price_cents BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (order_number, position),
    CONSTRAINT order_lines_order FOREIGN KEY (order_number) REFERENCES orders (number) ON DELETE CASCADE,
    CONSTRAINT order_lines_quantity CHECK (quantity > 0)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- The address as it was, not as its owner changes it afterwards.
CREATE TABLE order_addresses (
    order_number BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    recipient VARCHAR(400) NOT NULL,
    line1 VARCHAR(400) NOT NULL,
    line2 VARCHAR(400) NOT NULL,
    postal_code VARCHAR(32) NOT NULL,
    city VARCHAR(400) NOT NULL,
    country CHAR(2) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    CONSTRAINT order_addresses_order FOREIGN KEY (order_number) REFERENCES orders (number) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE order_steps (
    order_number BIGINT UNSIGNED NOT NULL,
    step VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    began_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    changed_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    PRIMARY KEY (order_number, step),
    CONSTRAINT order_steps_order FOREIGN KEY (order_number) REFERENCES orders (number) ON DELETE CASCADE,
    CONSTRAINT order_steps_status CHECK (status IN ('done', 'pending', 'refused', 'requested', 'skipped'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- The order's life, one row for whatever was heard or asked, changed or not.
CREATE TABLE order_events (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    order_number BIGINT UNSIGNED NOT NULL,
    name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    state_before VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
    state_after VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    actor VARCHAR(64) NOT NULL,
    detail VARCHAR(500) NOT NULL DEFAULT '',
    at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    KEY order_events_of (order_number, number),
    CONSTRAINT order_events_order FOREIGN KEY (order_number) REFERENCES orders (number) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
