/* The bytes of the built-in model, in memory that is shared and never written. */
    .section .rodata
    .balign 64
    .global newsprint_builtin_model_begin
newsprint_builtin_model_begin:
    .incbin NEWSPRINT_BUILTIN_MODEL
    .global newsprint_builtin_model_end
newsprint_builtin_model_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
