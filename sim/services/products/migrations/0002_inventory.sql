CREATE TABLE stock (
  sku VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  on_hand INT NOT NULL DEFAULT 0,
  reserved INT NOT NULL DEFAULT 0,
  CONSTRAINT stock_product FOREIGN KEY (sku) REFERENCES products (sku),
  CONSTRAINT stock_on_hand CHECK (on_hand >= 0),
  CONSTRAINT stock_reserved CHECK (reserved >= 0),
  CONSTRAINT stock_covers_reserved CHECK (reserved <= on_hand)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE stock_movements (
  movement_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sku VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  quantity INT NOT NULL,
  kind VARCHAR(10) NOT NULL,
  reason VARCHAR(200) NOT NULL,
  reference VARCHAR(64) NOT NULL,
  moved_at DATETIME(6) NOT NULL,
  CONSTRAINT movement_product FOREIGN KEY (sku) REFERENCES products (sku),
  CONSTRAINT movement_quantity CHECK (quantity <> 0),
  CONSTRAINT movement_kind CHECK (kind IN ('adjusted', 'sold', 'returned')),
  KEY movement_by_product (sku, movement_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE reservations (
  reservation_id CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  state VARCHAR(10) NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  CONSTRAINT reservation_state
    CHECK (state IN ('new', 'held', 'released', 'expired', 'sold', 'refused', 'cancelled')),
  KEY reservation_lapsing (state, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE reservation_lines (
  reservation_id CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  sku VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  quantity INT NOT NULL,
  name VARCHAR(120) NOT NULL,
  unit_price_cents INT NOT NULL,
  PRIMARY KEY (reservation_id, sku),
  CONSTRAINT line_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (reservation_id),
  CONSTRAINT line_product FOREIGN KEY (sku) REFERENCES products (sku),
  CONSTRAINT line_quantity CHECK (quantity > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
