-- Acme Werke GmbH and the companies it buys from, none of which exists; account numbers are the specimens of IBAN.
BEGIN IMMEDIATE;

INSERT INTO company (name, vat_id, legal_id, endpoint, currency)
SELECT 'Acme Werke GmbH', 'DE999000111', 'HRB 990011', '9930:DE999000111', 'EUR'
WHERE NOT EXISTS (SELECT 1 FROM company);

INSERT INTO suppliers (id, name, vat_id, legal_id, endpoint, iban, country, currency, blocked, blocked_reason, email)
VALUES
('S-101', 'Kanzleibedarf Süd GmbH', 'DE999000222', 'HRB 990022', '9930:DE999000222', 'DE89370400440532013000', 'DE', 'EUR', 0, NULL, 'rechnung@kanzleibedarf-sued.example'),
('S-102', 'Van Dijk Verpakkingen B.V.', 'NL999000333B01', '99000333', '0106:99000333', 'NL91ABNA0417164300', 'NL', 'EUR', 0, NULL, 'debiteuren@vandijk-verpakkingen.example'),
('S-103', 'Officine Lombarde S.r.l.', 'IT99900044401', 'MI-9900444', '0211:IT99900044401', 'IT60X0542811101000000123456', 'IT', 'EUR', 0, NULL, 'fatture@officine-lombarde.example'),
('S-104', 'Alpenglanz Gebäudereinigung GmbH', 'DE999000555', 'HRB 990055', '9930:DE999000555', 'DE75512108001245126199', 'DE', 'EUR', 0, NULL, 'buero@alpenglanz.example'),
('S-105', 'Nordwind Logistik ApS', 'DK99900066', '99900066', '0184:99900066', 'DK5000400440116243', 'DK', 'EUR', 0, NULL, 'faktura@nordwind-logistik.example'),
('S-106', 'Fjellstål AS', 'NO999000777MVA', '999000777', '0192:999000777', 'NO9386011117947', 'NO', 'EUR', 0, NULL, 'faktura@fjellstal.example'),
('S-107', 'Optika Bela d.o.o.', 'SI99900088', '9990008000', '9949:SI99900088', 'SI56263300012039086', 'SI', 'EUR', 0, NULL, 'racuni@optika-bela.example'),
('S-108', 'Baltic Parts OÜ', 'EE999000999', '99900099', '0191:99900099', 'EE382200221020145685', 'EE', 'EUR', 1, 'dispute over delivery 4471, stop all payments (lin, 14 September 2026)', 'arved@baltic-parts.example'),
('S-109', 'Svea Verktyg AB', 'SE999001010101', '9990010101', '0007:9990010101', 'SE4550000000058398257466', 'SE', 'SEK', 0, NULL, 'faktura@svea-verktyg.example')
ON CONFLICT DO NOTHING;

INSERT INTO orders (number, supplier, currency, status, agreed_charges_cents)
VALUES
('PO-2026-0377', 'S-103', 'EUR', 'open', 65000),
('PO-2026-0398', 'S-102', 'EUR', 'open', 0),
('PO-2026-0405', 'S-104', 'EUR', 'open', 0),
('PO-2026-0412', 'S-101', 'EUR', 'open', 0),
('PO-2026-0420', 'S-105', 'EUR', 'open', 0)
ON CONFLICT DO NOTHING;

INSERT INTO order_lines (order_number, line, item, description, quantity, unit, unit_price, vat_rate)
VALUES
('PO-2026-0377', '1', 'OL-SP-4000', 'Milling spindle 40 kW', '4', 'C62', '11850.00', '0'),
('PO-2026-0398', '1', 'VD-C-3020', 'Carton 300 x 200 x 150 mm, printed', '12000', 'C62', '0.485', '0'),
('PO-2026-0398', '2', 'VD-F-23', 'Stretch film 23 micron', '150', 'C62', '84.20', '0'),
('PO-2026-0405', '1', 'AG-UH', 'Cleaning of offices and hall 2, per hour', '62', 'HUR', '34.50', '19'),
('PO-2026-0412', '1', 'KB-A4-80', 'Copy paper A4 80 g, box of 5 reams', '40', 'C62', '18.90', '19'),
('PO-2026-0412', '2', 'KB-T-455', 'Toner black 455', '6', 'C62', '64.50', '19'),
('PO-2026-0420', '1', 'NL-FTL', 'Full truck load Aarhus to Kempten', '3', 'C62', '1240.00', '0')
ON CONFLICT DO NOTHING;

INSERT INTO receipts (id, order_number, line, quantity, received_on)
VALUES
('GR-5101', 'PO-2026-0377', '1', '4', '2026-10-29'),
('GR-5102', 'PO-2026-0398', '1', '7000', '2026-10-27'),
('GR-5103', 'PO-2026-0398', '1', '5000', '2026-11-03'),
('GR-5104', 'PO-2026-0398', '2', '150', '2026-10-27'),
('GR-5105', 'PO-2026-0405', '1', '62', '2026-10-31'),
('GR-5106', 'PO-2026-0412', '1', '40', '2026-11-02'),
('GR-5107', 'PO-2026-0412', '2', '6', '2026-11-02'),
('GR-5108', 'PO-2026-0420', '1', '3', '2026-11-06')
ON CONFLICT DO NOTHING;

COMMIT;
