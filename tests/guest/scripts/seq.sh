# seq in its forms.
seq 3; seq 2 4; seq 1 2 7; seq 5 -2 1; seq -s, 1 5; seq -w 8 11; seq 0.5 0.5 2; seq 3 1; seq 1 100000 | wc -l; seq 1000000 1000002
