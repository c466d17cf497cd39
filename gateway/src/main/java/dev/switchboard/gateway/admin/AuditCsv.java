package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.store.AuditEntry;
import java.time.Instant;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The audit log for a spreadsheet, by RFC 4180. */
final class AuditCsv {
  private static final String HEAD =
      "id,at,actor,role,on_behalf_of,source,action,target,status,code,reason,before,after";

  /** What a spreadsheet takes for a formula. */
  private static final String FORMULA = "=+-@\t\r";

  private AuditCsv() {}

  static String of(List<AuditEntry> entries) {
    StringBuilder csv = new StringBuilder(HEAD).append("\r\n");
    for (AuditEntry entry : entries) {
      csv.append(row(entry)).append("\r\n");
    }
    return csv.toString();
  }

  private static String row(AuditEntry entry) {
    return Stream.of(
            entry.id(),
            Instant.ofEpochMilli(entry.atMs()),
            entry.actor(),
            entry.role(),
            orEmpty(entry.why().onBehalfOf()),
            entry.source(),
            entry.action(),
            entry.target(),
            entry.status(),
            orEmpty(entry.code()),
            orEmpty(entry.why().reason()),
            orEmpty(entry.before()),
            orEmpty(entry.after()))
        .map(value -> quoted(value.toString()))
        .collect(Collectors.joining(","));
  }

  private static String orEmpty(@Nullable String text) {
    return text == null ? "" : text;
  }

  /** What somebody sent must not be computed where it is opened. */
  private static String quoted(String text) {
    String told = !text.isEmpty() && FORMULA.indexOf(text.charAt(0)) >= 0 ? "'" + text : text;
    return told.matches("[^\",\r\n]*") ? told : '"' + told.replace("\"", "\"\"") + '"';
  }
}
