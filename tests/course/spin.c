// Computes until it is killed.
int main(void)
{
    for (volatile long i = 0;; i++)
        ;
}
