CREATE TABLE baskets (
  basket_id CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  user_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  version INT NOT NULL DEFAULT 0,
  currency CHAR(3) NOT NULL DEFAULT 'EUR',
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  CONSTRAINT basket_version CHECK (version >= 0),
  CONSTRAINT basket_currency CHECK (currency = 'EUR')
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE basket_lines (
  basket_id CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  sku VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  quantity INT NOT NULL,
  name VARCHAR(120) NOT NULL,
  unit_price_cents INT NOT NULL,
  product_version INT NOT NULL,
  added_at DATETIME(6) NOT NULL,
  PRIMARY KEY (basket_id, sku),
  CONSTRAINT line_basket FOREIGN KEY (basket_id) REFERENCES baskets (basket_id),
  CONSTRAINT line_quantity CHECK (quantity BETWEEN 1 AND 999),
  CONSTRAINT line_price CHECK (unit_price_cents >= 0),
  KEY line_by_product (sku, basket_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
