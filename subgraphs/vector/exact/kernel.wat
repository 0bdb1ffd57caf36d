;; Dot products of one query with many rows, eight lanes at a time: what kernel.mjs calls. Rows are bytes, `width` of them each
;; (a multiple of 16); the query has as many 16-bit numbers, small enough that no sum leaves 32 bits (codes.ts).
(module
  (memory (export "memory") 1)
  (func (export "score")
    (param $query i32) (param $rows i32) (param $scales i32) (param $out i32) (param $count i32) (param $width i32)
    (local $end i32) (local $lane i32) (local $stop i32) (local $codes v128) (local $low v128) (local $high v128)
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $row
        (br_if $done (i32.ge_u (local.get $out) (local.get $end)))
        (local.set $low (v128.const i32x4 0 0 0 0))
        (local.set $high (v128.const i32x4 0 0 0 0))
        (local.set $lane (local.get $query))
        (local.set $stop (i32.add (local.get $rows) (local.get $width)))
        (loop $lanes
          (local.set $codes (v128.load (local.get $rows)))
          (local.set $low (i32x4.add (local.get $low)
            (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_s (local.get $codes)) (v128.load (local.get $lane)))))
          (local.set $high (i32x4.add (local.get $high)
            (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_s (local.get $codes)) (v128.load offset=16 (local.get $lane)))))
          (local.set $lane (i32.add (local.get $lane) (i32.const 32)))
          (local.set $rows (i32.add (local.get $rows) (i32.const 16)))
          (br_if $lanes (i32.lt_u (local.get $rows) (local.get $stop))))
        (local.set $low (i32x4.add (local.get $low) (local.get $high)))
        (f32.store (local.get $out)
          (f32.mul (f32.load (local.get $scales))
            (f32.convert_i32_s
              (i32.add
                (i32.add (i32x4.extract_lane 0 (local.get $low)) (i32x4.extract_lane 1 (local.get $low)))
                (i32.add (i32x4.extract_lane 2 (local.get $low)) (i32x4.extract_lane 3 (local.get $low)))))))
        (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (br $row)))))
