package dev.switchboard.constraint;

import java.util.List;

/** Values at which the sizes and sums of whoever reads a number overflow. */
public final class HostileNumbers {
  public static final List<String> ALL =
      List.of(
          "-1",
          "-2147483648",
          "2147483645",
          "2147483646",
          "2147483647",
          "2147483648",
          "2147483649",
          "2147483650",
          "9007199254740992",
          "9223372036854775807",
          "9223372036854775808",
          "1e30",
          "-1e30",
          "1e-30",
          "1e308",
          "1e400",
          "1e999999999",
          "1e-999999999",
          "65536",
          "1073741823",
          "1073741824",
          "0",
          "-2147483649",
          "-1e999999999");

  private HostileNumbers() {}
}
