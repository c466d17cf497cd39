package dev.switchboard.console.ui;

import com.vaadin.flow.component.dependency.StyleSheet;
import com.vaadin.flow.component.page.AppShellConfigurator;
import com.vaadin.flow.component.page.ColorScheme;
import com.vaadin.flow.component.page.Push;
import com.vaadin.flow.component.page.Viewport;
import com.vaadin.flow.server.AppShellSettings;
import com.vaadin.flow.shared.ui.Transport;
import com.vaadin.flow.theme.aura.Aura;

/**
 * The page around all views. What the browser sends goes by XHR, so that a sign-in is a request
 * whose session can change.
 */
@Push(transport = Transport.WEBSOCKET_XHR)
@StyleSheet(Aura.STYLESHEET)
@StyleSheet("context://console/console.css")
@ColorScheme(ColorScheme.Value.LIGHT_DARK)
@Viewport("width=device-width, initial-scale=1")
public final class Shell implements AppShellConfigurator {
  private static final long serialVersionUID = 1;

  /** Made by Vaadin. */
  public Shell() {}

  @Override
  public void configurePage(AppShellSettings settings) {
    settings.setPageTitle("Switchboard");
    settings.addFavIcon("icon", "favicon.svg", "any");
  }
}
