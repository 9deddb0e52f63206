"""How quickly pages answer, with a whole plant behind them."""
