-- Rows stay whole, two or so to a page. Moved out of line, as is the default over 2 kB, every match of a keyword search
-- costs look-ups in a second table: 5 times the server's time for 1,400 matches, and plans that do without the index.
ALTER TABLE chunks SET (toast_tuple_target = 8160);
