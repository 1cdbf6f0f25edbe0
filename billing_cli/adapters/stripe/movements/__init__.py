"""The rooms of movements of money: each kind in one module, and one list of them in rooms.py."""
