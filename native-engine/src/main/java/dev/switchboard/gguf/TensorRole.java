package dev.switchboard.gguf;

/**
 * What a model's tensor is for; names and ids as {@code sb_role}. Of the factors for long and for
 * short contexts the library sees one set, as the divisors that {@code rope_freqs} are.
 */
public enum TensorRole {
  TOKEN_EMBD(1, "token_embd.weight"),
  OUTPUT_NORM(2, "output_norm.weight"),
  OUTPUT(3, "output.weight"),
  ROPE_FREQS(4, "rope_freqs.weight"),
  POSITION_EMBD(5, "position_embd.weight"),
  TOKEN_TYPES(6, "token_types.weight"),
  EMBD_NORM(7, "token_embd_norm.weight"),
  EMBD_NORM_BIAS(8, "token_embd_norm.bias"),
  ATTN_NORM(10, "attn_norm.weight"),
  ATTN_Q(11, "attn_q.weight"),
  ATTN_K(12, "attn_k.weight"),
  ATTN_V(13, "attn_v.weight"),
  ATTN_OUTPUT(14, "attn_output.weight"),
  ATTN_Q_BIAS(15, "attn_q.bias"),
  ATTN_K_BIAS(16, "attn_k.bias"),
  ATTN_V_BIAS(17, "attn_v.bias"),
  ATTN_Q_NORM(18, "attn_q_norm.weight"),
  ATTN_K_NORM(19, "attn_k_norm.weight"),
  FFN_NORM(20, "ffn_norm.weight"),
  FFN_GATE(21, "ffn_gate.weight"),
  FFN_UP(22, "ffn_up.weight"),
  FFN_DOWN(23, "ffn_down.weight"),
  ATTN_POST_NORM(24, "post_attention_norm.weight"),
  FFN_POST_NORM(25, "post_ffw_norm.weight"),
  ATTN_OUTPUT_BIAS(26, "attn_output.bias"),
  ATTN_OUT_NORM(27, "attn_output_norm.weight"),
  ATTN_OUT_NORM_BIAS(28, "attn_output_norm.bias"),
  FFN_UP_BIAS(29, "ffn_up.bias"),
  FFN_DOWN_BIAS(30, "ffn_down.bias"),
  LAYER_OUT_NORM(31, "layer_output_norm.weight"),
  LAYER_OUT_NORM_BIAS(32, "layer_output_norm.bias"),
  ROPE_FACTORS_LONG(4, "rope_factors_long.weight"),
  ROPE_FACTORS_SHORT(4, "rope_factors_short.weight"),
  CLS(42, "cls.weight"),
  CLS_BIAS(43, "cls.bias"),
  CLS_OUT(44, "cls.output.weight"),
  CLS_OUT_BIAS(45, "cls.output.bias");

  private final int id;
  private final String suffix;

  TensorRole(int id, String suffix) {
    this.id = id;
    this.suffix = suffix;
  }

  public int id() {
    return id;
  }

  /** The tensor's name in a file; layer is -1 for the model-wide ones. */
  String tensorName(int layer) {
    return layer < 0 ? suffix : "blk." + layer + "." + suffix;
  }
}
