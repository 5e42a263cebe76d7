CREATE TABLE categories (
  slug VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  name VARCHAR(120) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  UNIQUE KEY category_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE products (
  sku VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  name VARCHAR(120) NOT NULL,
  description TEXT NOT NULL,
  category VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  unit_price_cents INT NOT NULL,
  currency CHAR(3) NOT NULL,
  on_sale BOOLEAN NOT NULL,
  version INT NOT NULL DEFAULT 1,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  CONSTRAINT product_category FOREIGN KEY (category) REFERENCES categories (slug),
  CONSTRAINT product_price CHECK (unit_price_cents >= 0),
  CONSTRAINT product_currency CHECK (currency = 'EUR'),
  KEY product_by_price (unit_price_cents, sku),
  KEY product_by_name (name, sku),
  KEY product_by_age (created_at, sku),
  FULLTEXT KEY product_words (name, description)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE product_images (
  sku VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  object_key VARCHAR(160) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  content_type VARCHAR(20) NOT NULL,
  size_bytes INT NOT NULL,
  sha256 CHAR(64) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (sku, name),
  UNIQUE KEY image_object (object_key),
  CONSTRAINT image_product FOREIGN KEY (sku) REFERENCES products (sku),
  CONSTRAINT image_size CHECK (size_bytes > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
