;; The arithmetic of enlarge.ts on 4 numbers at once. What `npm run assemble` makes of it is kept in enlarge-code.ts.
(module
  (memory (export "memory") 1)

  ;; A row of RGB pixels, bytes, stretched to `count` pixels, int32 in units of 2^-11. Output i lies between the pixel at row + offsets[i]
  ;; and the next one; weights[i] is the weight of the first in its lower 16 bits, that of the next in its upper ones. Reads 5 bytes beyond
  ;; the row and writes 4 beyond the output.
  (func (export "stretchRow")
    (param $row i32) (param $offsets i32) (param $weights i32) (param $count i32) (param $out i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $offsets) (i32.shl (local.get $count) (i32.const 2))))
    (loop $pixel
      (v128.store (local.get $out)
        (i32x4.dot_i16x8_s
          ;; Red, green and blue of both, side by side as int16; 16 stands for a byte of 0.
          (i8x16.swizzle
            (v128.load64_zero (i32.add (local.get $row) (i32.load (local.get $offsets))))
            (v128.const i8x16 0 16 3 16 1 16 4 16 2 16 5 16 16 16 16 16))
          (v128.load32_splat (local.get $weights))))
      (local.set $out (i32.add (local.get $out) (i32.const 12)))
      (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
      (local.set $offsets (i32.add (local.get $offsets) (i32.const 4)))
      (br_if $pixel (i32.lt_u (local.get $offsets) (local.get $end)))))

  ;; upper + (lower - upper) weight of 4 numbers, rounded from units of 2^-22 to whole ones.
  (func $blend (param $upper i32) (param $lower i32) (param $weight v128) (result v128)
    (local $from v128)
    (local.set $from (v128.load (local.get $upper)))
    (i32x4.shr_u
      (i32x4.add
        (i32x4.add
          (i32x4.shl (local.get $from) (i32.const 11))
          (i32x4.mul (i32x4.sub (v128.load (local.get $lower)) (local.get $from)) (local.get $weight)))
        (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
      (i32.const 22)))

  ;; Two stretched rows of `count` numbers blended to bytes; `weight`, that of the lower one, is in units of 2^-11. Reads 60 bytes beyond
  ;; the rows and writes 15 beyond the output.
  (func (export "blendRows")
    (param $upper i32) (param $lower i32) (param $weight i32) (param $count i32) (param $out i32)
    (local $weights v128)
    (local $end i32)
    (local.set $weights (i32x4.splat (local.get $weight)))
    (local.set $end (i32.add (local.get $out) (local.get $count)))
    (loop $sixteen
      (v128.store (local.get $out)
        (i8x16.narrow_i16x8_u
          (i16x8.narrow_i32x4_u
            (call $blend (local.get $upper) (local.get $lower) (local.get $weights))
            (call $blend
              (i32.add (local.get $upper) (i32.const 16)) (i32.add (local.get $lower) (i32.const 16)) (local.get $weights)))
          (i16x8.narrow_i32x4_u
            (call $blend
              (i32.add (local.get $upper) (i32.const 32)) (i32.add (local.get $lower) (i32.const 32)) (local.get $weights))
            (call $blend
              (i32.add (local.get $upper) (i32.const 48)) (i32.add (local.get $lower) (i32.const 48)) (local.get $weights)))))
      (local.set $upper (i32.add (local.get $upper) (i32.const 64)))
      (local.set $lower (i32.add (local.get $lower) (i32.const 64)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $sixteen (i32.lt_u (local.get $out) (local.get $end))))))
